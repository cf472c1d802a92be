"""The types of single values in the config: addresses, ports, patterns, dial templates, secrets. [pure]

Validators never repeat the value, which may come from the environment. They refuse what could add a second command to
an Asterisk dial string.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from bridge.common import patterns
from bridge.contract import StrictModel
from controller.config import templates
from controller.dialing.caller_ids import CALLER_ID

FORBIDDEN_IN_NUMBERS = "/&,;|$%{}()[]<>\"'`\\ \t\r\n"
"""Characters with a meaning in Asterisk, SIP or a shell. `@` and `:` are allowed in `sip:user@host` only."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TEMPLATE = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9_.:@;=+/-]*\{number\}[A-Za-z0-9_.:@;=+/-]*")


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Section(StrictModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("voiceai", "{message}", {"message": message, "hint": hint})


@dataclass(frozen=True, slots=True)
class Address:
    """A host and port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Ports:
    """A range of TCP ports, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __len__(self) -> int:
        return self.last - self.first + 1


def address_of(value: Any) -> Address:
    """`host:port`, `[v6]:port`; port 0 means any free one. Raises PydanticCustomError."""
    if isinstance(value, Address):
        return value
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):([0-9]{1,5})", str(value))
    if match is None or int(match[3]) > 65535:
        raise wrong("must be host:port", "e.g. 127.0.0.1:8080, in quotes; [::1]:8080 for IPv6")
    return Address(match[1] or match[2], int(match[3]))


def ports_of(value: Any) -> Ports:
    """`9092-9099` or one port. Raises PydanticCustomError."""
    if isinstance(value, Ports):
        return value
    match = re.fullmatch(r"([0-9]{1,5})(?: ?- ?([0-9]{1,5}))?", str(value))
    if match is None:
        raise wrong("must be a port or two with a dash between", 'e.g. "9092-9099"')
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= 65535:
        raise wrong("must be within 1-65535, the lower port first")
    return Ports(first, last)


def _workers(value: Any) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 256:
        raise wrong("must be `auto` or a whole number from 0 to 256")
    return int(text)


def _pattern(text: str) -> str:
    if (problem := patterns.problem(text)) is not None:
        raise wrong(problem, "write what a number may be, and put what it must not be under `deny`")
    dangerous = sorted({sign for sign in FORBIDDEN_IN_NUMBERS if _can_match(text, sign)})
    if dangerous:
        signs = " ".join("space" if sign == " " else repr(sign)[1:-1] for sign in dangerous)
        raise wrong(
            f"also matches text with {signs}, which could change the dial string",
            r"say which signs a number has, e.g. \+?[0-9]{4,15}",
        )
    if text.startswith("sip") and any(
        patterns.fullmatch(text, f"{each}@anywhere.invalid") for each in ("sip:1", "sip:user")
    ):
        raise wrong("matches SIP addresses of any host", r"name the host, e.g. sip:[a-z0-9]+@pbx\.example\.com")
    return text


def _can_match(pattern: str, sign: str) -> bool:
    """Finds `.*`, `[^@]+` and `\\S{4,15}`, not all cases. `numbers.check_number` checks each number anyway."""
    return any(
        patterns.fullmatch(pattern, "1" * before + sign + "1" * (length - before - 1))
        for length in (1, 2, 3, 4, 6, 8, 10, 12, 15)
        for before in {0, length // 2, length - 1}
    )


def _template(text: str) -> str:
    if text.count("{number}") != 1:
        raise wrong("must hold {number} once", "e.g. PJSIP/{number}@trunk")
    if not _TEMPLATE.fullmatch(text):
        raise wrong("must be technology/… without spaces, commas, & or other braces", "e.g. PJSIP/{number}@trunk")
    return text


def _refer(text: str) -> str:
    if not re.fullmatch(r"sips?:\{number\}@[A-Za-z0-9.-]+(:[0-9]{1,5})?", text):
        raise wrong("must be sip:{number}@host or sip:{number}@host:port")
    return text


def _caller_id(text: str) -> str:
    if not CALLER_ID.fullmatch(text):
        raise wrong("must be a number, or a name and a number", "e.g. Reception <+49301234567>")
    return text


def _secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.strip():
        raise wrong("is empty")
    if text != text.strip() or _CONTROL.search(text):
        raise wrong("has a space or line end around it, or a control character in it")
    return secret


def _some(text: str) -> str:
    if not text.strip():
        raise wrong("is empty")
    return text


def _url(schemes: tuple[str, ...]) -> Any:
    def check(text: str) -> str:
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            raise wrong("is not a URL") from None
        if parts.scheme not in schemes or not parts.hostname:
            raise wrong("must begin with " + " or ".join(f"{scheme}://" for scheme in schemes) + " and name a host")
        if parts.username or parts.password:
            raise wrong("must not hold a user name or password", "they have keys of their own")
        if "model" in parse_qs(parts.query, keep_blank_values=True):
            raise wrong("must not hold ?model=", "`openai.model` says which")
        return text.rstrip("/")

    return check


def placeholders(template: str) -> list[str]:
    """The names of the arguments in a URL template, in order."""
    return _PLACEHOLDER.findall(template)


def url_template(text: str) -> str:
    """`text` if it is a URL template. Raises PydanticCustomError."""
    start = re.match(r"https?://[^/?#{}@\\\s]+", text)
    if start is None or re.search(r"[\s\x00-\x1f\x7f\\#]", text):
        raise wrong("must begin with http:// or https:// and a host, without spaces, user names and #")
    rest = text[start.end() :]
    if rest and rest[0] not in "/?":
        raise wrong("must have no {…} in its host", "arguments may stand in the path and in the query only")
    if "{" in _PLACEHOLDER.sub("", rest) or "}" in _PLACEHOLDER.sub("", rest):
        raise wrong("has a brace that is not {argument}", "write %7B and %7D for braces")
    _url(("http", "https"))(start[0])
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise wrong("has a name that no HTTP header can have")
        if not value.isascii() or _CONTROL.search(value) or value != value.strip():
            raise wrong("has a value that no HTTP header can have")
    return headers


def _allowed_host(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", text) or not re.search("[A-Za-z]", text):
            raise wrong("is no address, no network such as 10.0.0.0/24 and no host name") from None
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise wrong(f"is no address and no network such as 10.0.0.0/24: {error}") from None
    return text


def _template_text(text: str) -> str:
    problem = templates.problem(text)
    if problem is not None:
        raise wrong(problem, "`{{name}}` is a variable; see docs/routing.md")
    return text


def ActionWord(model: Any, *words: str) -> BeforeValidator:
    """A word alone, such as `hang_up`, stands for `{hang_up: true}`."""

    def spelled_out(value: Any) -> Any:
        return {value: True} if isinstance(value, str) and value in words else value

    return BeforeValidator(spelled_out, json_schema_input_type=model | Literal[words])


def _matching(pattern: str, message: str) -> tuple[AfterValidator, WithJsonSchema]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise wrong(message)
        return text

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


_NAME = _matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "must be 1 to 64 of letters, digits, dots, dashes and underlines")
_TOOL = _matching(r"[A-Za-z0-9_-]{1,64}", "must be 1 to 64 of letters, digits, dashes and underlines")
_DIGIT = _matching(r"[0-9*#A-D]", "must be one key: 0 to 9, * or #, in quotes")
_SOUND = _matching(r"/?[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", "must be a sound's name without ending, e.g. voiceai/sorry")
_HOST = _matching(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?", "must be a host, in small letters, no port")
_ROUTE = _matching(r"[+*#0-9A-Za-z_.-]{1,64}", "must be 1 to 64 of digits, letters and + * # . - _")

HttpUrl = Annotated[
    str, AfterValidator(_url(("http", "https"))), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
RealtimeUrl = Annotated[
    str, AfterValidator(_url(("ws", "wss"))), WithJsonSchema({"type": "string", "pattern": "^wss?://"})
]
Name = Annotated[str, _NAME[0], _NAME[1]]
McpToolName = Annotated[
    str, *_matching(r"[A-Za-z0-9_./-]{1,128}", "must be one tool's name: letters, digits, dashes, dots, underlines")
]
ToolName = Annotated[str, _TOOL[0], _TOOL[1]]
Digit = Annotated[str, _DIGIT[0], _DIGIT[1]]
SoundName = Annotated[str, _SOUND[0], _SOUND[1]]
Host = Annotated[str, _HOST[0], _HOST[1]]
AllowedHost = Annotated[str, AfterValidator(_allowed_host)]
UrlTemplate = Annotated[str, AfterValidator(url_template)]
HeaderValues = Annotated[dict[str, str], AfterValidator(_headers)]
Network = Annotated[str, AfterValidator(_network)]
SomeText = Annotated[str, AfterValidator(_some)]
TemplateText = Annotated[str, AfterValidator(_some), AfterValidator(_template_text)]
PhoneText = Annotated[str, Field(min_length=1, max_length=128)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
OptionalSecret = Annotated[Secret | None, BeforeValidator(lambda value: None if value == "" else value)]
"""An empty text is None, so that `${NAME:-}` may leave it out."""
AllowPattern = Annotated[str, Field(max_length=patterns.LONGEST), AfterValidator(_pattern)]
EndpointTemplate = Annotated[str, AfterValidator(_template)]
ReferTemplate = Annotated[str, AfterValidator(_refer)]
TransferKind = Literal["blind", "attended", "refer"]
CallerId = Annotated[str, AfterValidator(_caller_id)]
RoutePattern = Annotated[str, _ROUTE[0], _ROUTE[1]]
WorkerCount = Annotated[
    int | Literal["auto"],
    PlainValidator(_workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 0, "maximum": 256}]}),
]
ListenAt = Annotated[
    Address, PlainValidator(address_of), PlainSerializer(str), WithJsonSchema({"type": "string", "pattern": ":[0-9]+$"})
]
PortsInRow = Annotated[
    Ports,
    PlainValidator(ports_of),
    PlainSerializer(str),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": "^[0-9]+( ?- ?[0-9]+)?$"}, {"type": "integer"}]}),
]


def plain(value: Any) -> Any:
    """A dumped model as JSON data; secrets become stars."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, SecretStr) else value

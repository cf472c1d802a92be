"""config.yaml as frozen typed values: read once, passed on to constructors, never looked up anywhere else.

Owns the keys, their defaults and what they may hold. `load()` and `parse()` give a `Config` or raise `ConfigErrors`
with everything that is wrong. `json_schema()` is the schema for editors. No secret shows in a repr or in `redacted()`.

The text of the file is `config_source.py`'s, the words for its errors `config_errors.py`'s, and what must hold
between keys `config_checks.py`'s.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Literal

from pydantic import ConfigDict, Field, SecretStr, ValidationError

from bridge.contract import NoiseReduction, Provider, ServerVad, Shape, Transcription, TurnDetection
from controller import config_schema, config_source, limits
from controller.config_checks import complete, problems_of
from controller.config_errors import ConfigError, ConfigErrors, dotted, render
from controller.config_values import (
    AllowPattern,
    CallerId,
    EndpointTemplate,
    HttpUrl,
    ListenAt,
    Name,
    OptionalSecret,
    PhoneText,
    PortsInRow,
    RealtimeUrl,
    RoutePattern,
    Secret,
    SomeText,
    WorkerCount,
    plain,
)

__all__ = ["Config", "ConfigError", "ConfigErrors", "load", "parse", "json_schema", "render"]

Scope = Literal["read", "call", "control", "admin"]
BuiltInTool = Literal["transfer", "hang_up"]


class Section(Shape):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Ari(Section):
    url: HttpUrl = "http://127.0.0.1:8088/ari"
    """Where Asterisk's HTTP server answers for ARI. Keep it on loopback or a private network: it is not encrypted."""
    username: SomeText = "voiceai"
    password: Secret
    app: Name = "voiceai"
    """As in the dialplan's `Stasis(voiceai)`. One controller per name: Asterisk gives it to the last that asks."""


class Asterisk(Section):
    ari: Ari


class OpenAi(Provider):
    """Where the agents' voices come from: OpenAI, or any server that speaks the Realtime protocol."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: RealtimeUrl = "wss://api.openai.com/v1/realtime"
    """The websocket, without `?model=`."""
    api_key: Secret
    model: SomeText = "gpt-realtime-2.1-mini"
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Further headers of the websocket's handshake. Counted as secret."""


class Bridge(Section):
    """The worker processes, which carry the sound."""

    workers: WorkerCount = "auto"
    """How many to start on this machine; `auto`: one less than there are cores. 0: only workers on other machines."""
    listen: SomeText = "127.0.0.1"
    """Where the local workers wait for Asterisk's AudioSocket connections, which have no encryption and no password."""
    ports: PortsInRow = Field(default="9092-9099", validate_default=True)
    """Each local worker takes the first one that is free."""
    advertise: SomeText = "127.0.0.1"
    """The address under which Asterisk reaches the local workers."""
    capacity: int = Field(100, ge=1, le=1000)
    """Calls per worker."""
    token: OptionalSecret = None
    """What workers on other machines must show. Without it, or with an empty one, only the local ones are let in."""


class Token(Section):
    name: Name
    """Who it was given to: appears in logs and in the records of what was done with it."""
    token: Secret
    scopes: tuple[Scope, ...] = Field(min_length=1)
    """read: see calls; call: place calls; control: hang up and transfer calls; admin: everything."""


class Api(Section):
    listen: ListenAt = Field(default="127.0.0.1:8080", validate_default=True)
    """host:port of the HTTP API, and of the link that workers dial."""
    tokens: tuple[Token, ...] = ()
    """Without one nobody can use the API."""


class Trunk(Section):
    """A way out to the telephone network."""

    endpoint: EndpointTemplate
    """Asterisk's dial string, e.g. `PJSIP/{number}@trunk`; `trunk` is the endpoint's name in pjsip.conf."""
    allow: tuple[AllowPattern, ...] = Field(min_length=1)
    """Regular expressions; a number is dialled only if one of them matches the whole of it. The toll-fraud guard."""
    caller_id: CallerId | None = None
    """Shown to who is called: `+49301234567` or `Name <+49301234567>`."""
    timeout: float = Field(30.0, gt=0, le=300)
    """Seconds it may ring."""
    max_calls: int | None = Field(None, ge=1)
    """Calls at once over this trunk."""


class Agent(Section):
    """Who answers: a prompt, a voice and tools."""

    instructions: SomeText
    """The prompt. `{{name}}` becomes the call variable of that name, or nothing."""
    voice: SomeText = "marin"
    greeting: SomeText | None = None
    """What the agent says first; without it, it waits for the caller to speak."""
    turn_detection: TurnDetection = Field(default_factory=lambda: ServerVad())
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = Field(default_factory=lambda: Transcription())
    """Writes down what the caller says, at a small cost; null: logs and records hold the agent's words only."""
    speed: float = Field(1.0, ge=0.25, le=1.5)
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """For reasoning models (gpt-realtime-2 and later) only."""
    max_output_tokens: int | None = Field(None, ge=1, le=4096)
    protect_greeting: bool = False
    """True: the caller can't interrupt the greeting."""
    playout_delay_ms: int = Field(0, ge=0, le=500)
    """What the far end still holds of sound handed to Asterisk (jitter buffers); not counted as heard."""
    tools: tuple[BuiltInTool, ...] = ("transfer", "hang_up")
    """What the agent may do with its call."""
    answer_deadline_s: float = Field(4.0, gt=0, le=60)
    """A call is answered once the AI is ready, and after this many seconds of ringing at the latest."""


class Route(Section):
    """Which agent answers. The first route that fits wins; a call that none fits is declined.

    With no route at all the first agent answers everything.
    """

    to: RoutePattern
    """The number called: exact, or with a final `*` for everything that begins so."""
    agent: str
    caller: RoutePattern | None = None
    """The caller's number, likewise. A withheld number fits only `*`."""
    trunk: str | None = None
    """The trunk by which the call came in."""


class Transfer(Section):
    contexts: tuple[Name, ...] = ()
    """Dialplan contexts into which calls may be transferred (`extension@context`). None by default."""
    targets: dict[Name, PhoneText] = Field(default_factory=dict)
    """Names for destinations. With any, an agent may transfer to these only. Still checked against the trunk."""


class Limits(Section):
    max_calls: int | None = Field(None, ge=1)
    """Calls at once, in and out."""


class Config(Section):
    """All of config.yaml."""

    asterisk: Asterisk
    openai: OpenAi
    agents: dict[Name, Agent] = Field(min_length=1)
    routes: tuple[Route, ...] = ()
    trunks: dict[Name, Trunk] = Field(default_factory=dict)
    transfer: Transfer = Field(default_factory=Transfer)
    limits: Limits = Field(default_factory=Limits)
    bridge: Bridge = Field(default_factory=Bridge)
    api: Api = Field(default_factory=Api)

    def redacted(self) -> dict[str, Any]:
        """For display: every value that could be a secret is `**********`."""
        shown = plain(self.model_dump())
        shown["openai"]["headers"] = dict.fromkeys(self.openai.headers, str(SecretStr("x")))
        assert isinstance(shown, dict)
        return shown


def parse(text: str, env: Mapping[str, str], source: str = "config") -> Config:
    """`text` is YAML; `env` fills its `${NAME}`. Raises ConfigErrors, with `source` as the name of what was read."""
    document = config_source.read(text, env)
    if document.data is None:
        raise ConfigErrors(document.errors or [ConfigError("", "", "is empty")], source)
    invalid: ValidationError | None = None
    config: Config | None = None
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        invalid = error
    errors = [*document.errors, *problems_of(invalid, document, Config), *complete(document)]
    if config is not None:
        errors += _targets(config, document)
    if errors or config is None:
        raise ConfigErrors(errors, source) from None  # pydantic's own text would quote values
    return config


def _targets(config: Config, document: config_source.Source) -> list[ConfigError]:
    """Named destinations that no trunk and no context would let through."""
    wrong = []
    for name, to in config.transfer.targets.items():
        path = ("transfer", "targets", name)
        try:
            limits.destination(config, to, None)
        except limits.NotAllowed as refusal:
            wrong.append(ConfigError(dotted(path), "", f"could never be reached: {refusal}", line=document.line(path)))
    return wrong


def load(path: str | FilePath, env: Mapping[str, str]) -> Config:
    """Reads the file at `path` as `parse` does. Raises ConfigErrors, also if it can't be read."""
    try:
        text = FilePath(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigErrors([ConfigError("", "", f"can't be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigErrors([ConfigError("", "", "is not UTF-8 text")], str(path)) from None
    return parse(text, env, str(path))


def json_schema() -> str:
    """The JSON Schema of config.yaml, for editors. Kept in config.schema.json, with a line end after it."""
    return json.dumps(config_schema.json_schema(Config), indent=2, ensure_ascii=False)


if __name__ == "__main__":
    sys.stdout.write(json_schema() + "\n")

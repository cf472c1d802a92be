"""config.yaml as frozen typed values: read once, passed on to constructors, never looked up anywhere else.

Owns the keys, their defaults and what they may hold. `load()` and `parse()` give a `Config` or raise `ConfigErrors`
with everything that is wrong. `json_schema()` is the schema for editors. No secret shows in a repr or in `redacted()`.

The text of the file is `config_source.py`'s, the words for its errors `config_errors.py`'s, and what must hold
between keys `config_checks.py`'s.
"""

import json
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from controller.config import json_schema as config_schema, source as config_source
from controller.config.checks.rules import complete, problems_of
from controller.config.errors import ConfigError, ConfigErrors, Path, dotted, render
from controller.config.models.agents import Agent, AiProvider, HttpTool, Mcp, Price, star
from controller.config.models.api import Api, Scope, Token
from controller.config.models.bridge import Bridge
from controller.config.models.canary import Canary
from controller.config.models.records import Records
from controller.config.models.routes import Route
from controller.config.models.shutdown import Shutdown
from controller.config.models.store import Store
from controller.config.models.traces import Traces
from controller.config.models.trunks import CallingHours, CircuitBreaker, Outbound, Retries
from controller.config.models.webhooks import CallWebhooks, Webhook
from controller.config.values import (
    AllowPattern,
    CallerId,
    EndpointTemplate,
    HttpUrl,
    Name,
    PhoneText,
    ReferTemplate,
    Secret,
    Section,
    SomeText,
    ToolName,
    TransferKind,
    plain,
)
from controller.dialing import numbers as limits

MOST_BYTES = 4 << 20
"""Of the config file. Longer is no config but a mistake, such as a device."""

__all__ = ["Config", "ConfigError", "ConfigErrors", "load", "parse", "json_schema", "render", "Scope", "Token"]


class Ari(Section):
    url: HttpUrl = "http://127.0.0.1:8088/ari"
    """Where Asterisk's HTTP server answers for ARI. Without https keep it on loopback or a private network."""
    ca_file: str | None = None
    """For https: whom to believe, a PEM file of the authority or of Asterisk's own certificate. None: the system's."""
    username: SomeText = "voiceai"
    password: Secret
    app: Name = "voiceai"
    """As in the dialplan's `Stasis(voiceai)`. One controller per name: Asterisk gives it to the last that asks."""


class Asterisk(Section):
    ari: Ari


class Trunk(Section):
    """A way out to the telephone network."""

    endpoint: EndpointTemplate
    """Asterisk's dial string, e.g. `PJSIP/{number}@trunk`; `trunk` is the endpoint's name in pjsip.conf."""
    allow: tuple[AllowPattern, ...] = Field(min_length=1)
    """Regular expressions; a number is dialled only if one of them matches the whole of it. The toll-fraud guard."""
    caller_id: CallerId | None = None
    """Shown to who is called: `+49301234567` or `Name <+49301234567>`."""
    caller_ids: tuple[CallerId, ...] = ()
    """Others that a call placed over the API may show instead, likewise; `+4930555*` is any number that begins so. Who
    is called may be deceived by a number or a name that is not yours: only `caller_id` by default."""
    timeout: float = Field(30.0, gt=0, le=300)
    """Seconds it may ring."""
    show_withheld: bool = False
    """Numbers that callers withhold are used, shown and kept like others, as far as the carrier tells them. Only where
    the law, and the contract with the carrier, allow it."""
    refer: ReferTemplate | None = None
    """For transfers by SIP REFER, where this trunk takes them: `sip:{number}@carrier.example`."""
    deny: tuple[AllowPattern, ...] = ()
    """Regular expressions; a number that one of them matches as a whole is not dialled, whatever `allow` says."""
    country_code: str | None = Field(None, pattern=r"^([1-9][0-9]{0,2}|[A-Z]{2})$")
    """The trunk's home: a country code such as "49", or a region such as "JE" where countries share a code ("44" alone
    is Great Britain, "1" the USA, "7" Russia). Needed to tell what a number costs, unless only extensions are
    dialled."""
    domestic: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Other regions, e.g. ["CA", "PR"], whose numbers are not abroad."""
    premium: bool = False
    """Premium rate, shared cost, satellite and unknown numbers may be dialled, as far as `allow` lets them."""
    international: bool = False
    """Numbers of other countries than `country_code` may be dialled, as far as `allow` lets them."""
    emergency: tuple[Annotated[str, Field(pattern=r"^[0-9]{2,6}$")], ...] = ()
    """Emergency numbers, e.g. ["112"], that may be dialled, as far as `allow` lets them. None by default."""
    max_calls: int | None = Field(None, ge=1)
    """Calls at once over this trunk, and whoever is dialled over it for a call that is up: transfers, participants."""
    calls_per_second: int | None = Field(None, ge=1)
    """Likewise: what may begin in one second, in and out."""
    calls_per_hour: int | None = Field(None, ge=1)
    """Likewise: what may be dialled over it in one hour."""
    minutes_per_day: float | None = Field(None, gt=0)
    """Minutes that may be dialled over it from midnight to midnight, local time, each from its answer. Then what we
    place waits, and transfers fail; calls that are up end: the agent wraps up, and where there is none a warning tone
    is heard half a minute before."""
    overflow: str | None = None
    """Another trunk, for calls that we place: when this one has no room, is congested or can't be reached. All that the
    other one says holds there: `allow`, `deny`, hours, limits. It may have an `overflow` of its own."""
    calling_hours: CallingHours | None = None
    """When calls may be placed over it; outside of it they wait. Without it: always."""
    retries: Retries = Field(default_factory=dict)
    """By result: what is tried again. Nothing by default."""
    circuit_breaker: CircuitBreaker | None = Field(default_factory=CircuitBreaker)
    """When queued calls are not placed over a trunk that fails again and again. null: they always are."""


class DialplanContext(Section):
    """What of a dialplan context may be dialled."""

    extensions: tuple[AllowPattern, ...] = ()
    """Regular expressions; what one of them matches as a whole may be dialled: short extensions, names, feature codes.
    Anything else must be a number that the trunk may dial, and counts for the trunk's limits."""
    trunk: str | None = None
    """The trunk whose rules and limits hold for numbers. Without it: the call's own, or else the first."""


def _by_name(value: Any) -> Any:
    """A list of names stands for contexts without further keys."""
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return {name: {} for name in value} if texts else value


class Transfer(Section):
    contexts: Annotated[
        dict[Name, DialplanContext],
        BeforeValidator(_by_name, json_schema_input_type=dict[Name, DialplanContext] | list[Name]),
    ] = Field(default_factory=dict)
    """Dialplan contexts into which calls may be sent (`extension@context`), and which of their extensions. A list of
    names: only numbers that the trunk may dial. None by default."""
    targets: dict[Name, PhoneText] = Field(default_factory=dict)
    """Names for destinations: all that agents may transfer to. Still checked against the trunk."""
    any_number: bool = False
    """Agents may transfer to any destination that trunks and contexts allow, and so a caller may talk them into it."""
    kinds: dict[Name, TransferKind] = Field(default_factory=dict)
    """By the name of a target: how a transfer there is made, where it differs from the agent's `transfer_kind`."""
    max_s: float | None = Field(7200.0, ge=5, le=86400)
    """Seconds that people may talk without an agent, after a transfer or take-over. Half a minute before they hear a
    warning tone, then the call ends. null: no limit."""
    max_hops: int = Field(3, ge=0, le=20)
    """How often voiceai may send a caller on and have them back, before the call is refused as one that goes in a
    circle."""
    decide_s: float = Field(60.0, ge=5, le=600)
    """Seconds in which the target of an attended transfer has to accept."""


class Supervisor(Section):
    """Who may listen to calls, whisper, and take them over (POST /v1/calls/{id}/supervise)."""

    extensions: dict[Name, PhoneText] = Field(default_factory=dict)
    """By name: a number or `extension@context`, checked like the target of a transfer. Nobody by default."""


class PerCaller(Section):
    """Of one number that calls. All who withhold theirs are one caller."""

    max_calls: int | None = Field(None, ge=1)
    """Calls at once. Further ones hear that the line is busy, whatever the route's `overflow` says."""
    calls_per_minute: int | None = Field(None, ge=1)
    """Calls that may begin in one minute, likewise."""


class Limits(Section):
    max_calls: int | None = Field(None, ge=1)
    """Calls at once, in and out."""
    calls_per_second: int | None = Field(None, ge=1)
    """Calls that may begin in one second, in and out."""
    per_number: dict[PhoneText, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Calls at once by the number called, e.g. {"+49301234567": 10}; "*" is every other number."""
    per_number_per_minute: dict[PhoneText, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Calls that may begin in one minute by the number called, e.g. {"+49301234567": 30}; "*" likewise."""
    per_caller: PerCaller = Field(default_factory=PerCaller)
    minutes_per_day: float | None = Field(None, gt=0)
    """As `trunks.*.minutes_per_day`, over all trunks."""
    spend_per_call: float | None = Field(None, gt=0)
    """US dollars. The agent of a call that has cost as much says its `wrap_up`, and the call ends."""
    spend_per_day: float | None = Field(None, gt=0)
    """US dollars from midnight to midnight, local time. Once spent: live calls wrap up, no new ones begin."""


class Config(Section):
    """All of config.yaml."""

    asterisk: Asterisk
    openai: AiProvider
    """Where the agents' voices come from, unless their `providers` say otherwise."""
    providers: dict[Name, AiProvider] = Field(default_factory=dict)
    """Further ones, by name."""
    agents: dict[Name, Agent] = Field(min_length=1)
    http_tools: dict[ToolName, HttpTool] = Field(default_factory=dict)
    """Tools that agents may name in their `tools`."""
    mcp: dict[ToolName, Mcp] = Field(default_factory=dict)
    """Remote tool servers that agents may name in their `mcp`."""
    prices: dict[SomeText, Price] = Field(default_factory=dict)
    """By model: what it costs, where that differs from what voiceai knows (docs/configuration.md)."""
    routes: tuple[Route, ...] = ()
    trunks: dict[Name, Trunk] = Field(default_factory=dict)
    transfer: Transfer = Field(default_factory=Transfer)
    supervisor: Supervisor = Field(default_factory=Supervisor)
    limits: Limits = Field(default_factory=Limits)
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    """Who is told, by HTTP, what happens in calls."""
    call_webhooks: CallWebhooks | None = None
    """How the `webhook` of POST /v1/calls is told. null: no call may have one."""
    bridge: Bridge = Field(default_factory=Bridge)
    api: Api = Field(default_factory=Api)
    outbound: Outbound = Field(default_factory=Outbound)
    store: Store = Field(default_factory=Store)
    records: Records = Field(default_factory=Records)
    shutdown: Shutdown = Field(default_factory=Shutdown)
    traces: Traces | None = None
    """Calls as OpenTelemetry traces. null: none."""
    canary: Canary | None = None
    """A call of our own, now and then, as a metric and an alert (docs/metrics.md). null: none."""

    def redacted(self) -> dict[str, Any]:
        """For display: every value that could be a secret is `**********`."""
        shown = plain(self.model_dump())
        shown["openai"]["headers"] = star(self.openai.headers)
        for section, entries in (("providers", self.providers), ("http_tools", self.http_tools), ("mcp", self.mcp)):
            for name, entry in entries.items():
                shown[section][name]["headers"] = star(entry.headers)
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
    """Destinations that no trunk and no context would let through."""
    places: dict[Path, str] = {("transfer", "targets", name): to for name, to in config.transfer.targets.items()}
    for agent, each in config.agents.items():
        steps = {("agents", agent, "on_ai_failure", number): step for number, step in enumerate(each.on_ai_failure)}
        keys = {("agents", agent, "dtmf", digit): action for digit, action in each.dtmf.items()}
        places |= {(*path, "transfer"): does.transfer for path, does in (steps | keys).items() if does.transfer}
    places |= {("supervisor", "extensions", name): to for name, to in config.supervisor.extensions.items()}
    handed_back: dict[Path, tuple[str, str | None]] = {
        ("routes", number, "overflow", step, "context"): (does.context, route.trunk)
        for number, route in enumerate(config.routes)
        for step, does in enumerate(route.overflow)
        if does.context
    }
    canary: dict[Path, str] = {("canary", "to"): config.canary.to} if config.canary else {}
    wrong = []
    for path in (*places, *handed_back, *canary):
        try:
            if path in places:
                limits.destination(config, places[path], None)
            elif path in handed_back:
                limits.check_handed_back(config, *handed_back[path])
            else:
                limits.check_call_to_ourselves(config, canary[path])
        except limits.NotAllowed as refusal:
            wrong.append(ConfigError(dotted(path), "", f"could never be reached: {refusal}", line=document.line(path)))
    return wrong


def load(path: str | FilePath, env: Mapping[str, str]) -> Config:
    """Reads the file at `path` as `parse` does. Raises ConfigErrors, also if it can't be read."""
    try:
        with FilePath(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigErrors([ConfigError("", "", f"is larger than {MOST_BYTES >> 20} MiB")], str(path))
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigErrors([ConfigError("", "", f"can't be read: {error.strerror}")], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigErrors([ConfigError("", "", "is not UTF-8 text")], str(path)) from None
    return parse(text, env, str(path))


def json_schema() -> str:
    """The JSON Schema of config.yaml, for editors. Kept in config.schema.json, with a line end after it."""
    return json.dumps(config_schema.json_schema(Config), indent=2, ensure_ascii=False)

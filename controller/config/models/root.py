"""`Config`: all of config.yaml, and its small sections. [pure]"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PrivateAttr

from controller.config.models.agent_tests import AgentTests
from controller.config.models.agents import Agent, AiProvider, HttpTool, Mcp, Price, star
from controller.config.models.api import Api
from controller.config.models.bridge import Bridge
from controller.config.models.canary import Canary
from controller.config.models.cluster import Cluster
from controller.config.models.records import Records
from controller.config.models.resources import Resources
from controller.config.models.routes import Route
from controller.config.models.shutdown import Shutdown
from controller.config.models.softphone import Softphone
from controller.config.models.store import Store
from controller.config.models.text_sessions import TextSessions
from controller.config.models.traces import Traces
from controller.config.models.trunks import Outbound, Trunk
from controller.config.models.webhooks import CallWebhooks, Webhook
from controller.config.values import (
    AllowPattern,
    HttpUrl,
    Name,
    PhoneText,
    Secret,
    Section,
    SomeText,
    ToolName,
    TransferKind,
    plain,
)


class Ari(Section):
    url: HttpUrl = "http://127.0.0.1:8088/ari"
    """Where Asterisk's HTTP server answers for ARI. Without https keep it on loopback or a private network."""
    ca_file: str | None = None
    """For https: PEM file with the CA certificate, or Asterisk's own certificate. None: the system's CA store."""
    username: SomeText = "voiceai"
    password: Secret
    app: Name = "voiceai"
    """As in the dialplan's `Stasis(voiceai)`. One controller per name: Asterisk gives it to the last that asks."""


class Asterisk(Section):
    ari: Ari
    readiness_app: bool = False
    """For a SIP proxy that spreads calls over several nodes (docs/scaling.md): register the app `<app>-ready` while
    calls are accepted. A caller for whom no worker has room is then refused with 503, so that another node is tried,
    instead of 486."""


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
    resources: Resources = Field(default_factory=Resources)
    agents: dict[Name, Agent] = Field(default_factory=dict)
    """At least one, here or (`resources.source: store`) in the store."""
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
    softphone: Softphone | None = None
    """Talking from the browser. None: off."""
    limits: Limits = Field(default_factory=Limits)
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    """Who is told, by HTTP, what happens in calls."""
    call_webhooks: CallWebhooks | None = None
    """How the `webhook` of POST /v1/calls is told. null: no call may have one."""
    bridge: Bridge = Field(default_factory=Bridge)
    api: Api = Field(default_factory=Api)
    outbound: Outbound = Field(default_factory=Outbound)
    store: Store = Field(default_factory=Store)
    cluster: Cluster = Field(default_factory=Cluster)
    records: Records = Field(default_factory=Records)
    shutdown: Shutdown = Field(default_factory=Shutdown)
    traces: Traces | None = None
    """Calls as OpenTelemetry traces. null: none."""
    agent_tests: AgentTests = Field(default_factory=AgentTests)
    """The models that play simulated callers and judge, in tests of agents."""
    text_sessions: TextSessions = Field(default_factory=TextSessions)
    """Bounds of conversations by typing, to try and to test agents."""
    canary: Canary | None = None
    """A call of our own, now and then, as a metric and an alert (docs/metrics.md). null: none."""

    _agent_versions: Mapping[str, int] = PrivateAttr(default_factory=dict)

    @property
    def agent_versions(self) -> Mapping[str, int]:
        """By agent: which version of it this is. Empty: nobody has counted."""
        return self._agent_versions

    def with_agent_versions(self, versions: Mapping[str, int]) -> Self:
        counted = self.model_copy()
        counted._agent_versions = dict(versions)
        return counted

    def redacted(self) -> dict[str, Any]:
        """For display: every value that could be a secret is `**********`."""
        shown = plain(self.model_dump())
        shown["openai"]["headers"] = star(self.openai.headers)
        for section, entries in (("providers", self.providers), ("http_tools", self.http_tools), ("mcp", self.mcp)):
            for name, entry in entries.items():
                shown[section][name]["headers"] = star(entry.headers)
        assert isinstance(shown, dict)
        return shown

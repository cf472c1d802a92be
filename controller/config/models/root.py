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
    """The connection to Asterisk: its REST Interface (ARI)."""

    url: HttpUrl = "http://127.0.0.1:8088/ari"
    """The URL of ARI on Asterisk's HTTP server. Without https, only loopback or a private network."""
    ca_file: str | None = None
    """For https: a PEM file with the CA certificate or with Asterisk's own certificate. None: the system's CA store."""
    username: SomeText = "voiceai"
    """The user, as in `ari.conf`."""
    password: Secret
    """The password, as in `ari.conf`."""
    app: Name = "voiceai"
    """The name in the dialplan's `Stasis(voiceai)`. Each controller needs its own: Asterisk gives an app to the program
    that subscribes last. The other controller then exits with an error."""


class Asterisk(Section):
    ari: Ari
    readiness_app: bool = False
    """For several nodes behind a SIP proxy (docs/scaling.md): register the app `<app>-ready` while this node accepts
    calls. If no worker has capacity, a call is refused with 503 instead of 486, so that the proxy tries another
    node."""


class DialplanContext(Section):
    """The extensions of a dialplan context that may be dialed."""

    extensions: tuple[AllowPattern, ...] = ()
    """Regular expressions for whole extensions that may be dialed: short extensions, names, feature codes. Anything
    else must be a number that the trunk may dial, and counts for the limits of the trunk."""
    trunk: str | None = None
    """The trunk whose rules and limits apply to numbers. None: the call's trunk, or else the first one."""


def _by_name(value: Any) -> Any:
    """A list of names stands for contexts without further keys."""
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return {name: {} for name in value} if texts else value


class Transfer(Section):
    contexts: Annotated[
        dict[Name, DialplanContext],
        BeforeValidator(_by_name, json_schema_input_type=dict[Name, DialplanContext] | list[Name]),
    ] = Field(default_factory=dict)
    """Dialplan contexts to which calls may be transferred (`extension@context`), and their permitted extensions. A list
    of names permits only numbers that the trunk may dial."""
    targets: dict[Name, PhoneText] = Field(default_factory=dict)
    """Names for destinations. Agents may transfer only to these names. The trunk's rules apply to them too."""
    any_number: bool = False
    """true: agents may transfer to every destination that trunks and contexts permit. A caller may talk an agent into
    it, so keep `allow` narrow."""
    kinds: dict[Name, TransferKind] = Field(default_factory=dict)
    """The kind of transfer for a target, if it differs from the agent's `transfer_kind`."""
    max_s: float | None = Field(7200.0, ge=5, le=86400)
    """Seconds that people may talk without an agent, after a transfer or a take-over. They hear a warning tone 30
    seconds before the call ends. null: no limit."""
    max_hops: int = Field(3, ge=0, le=20)
    """How often voiceai may send the same caller on and get them back. After that the call is refused as a loop."""
    decide_s: float = Field(60.0, ge=5, le=600)
    """Seconds within which the target of an attended transfer must accept."""


class Supervisor(Section):
    """Who may listen to calls, whisper, and take calls over (POST /v1/calls/{id}/supervise)."""

    extensions: dict[Name, PhoneText] = Field(default_factory=dict)
    """By name: a number or `extension@context`. The rules for transfers apply to it."""


class PerCaller(Section):
    """Limits for one calling number. All callers who withhold their number count as one."""

    max_calls: int | None = Field(None, ge=1)
    """Concurrent calls. Further calls hear busy, whatever the route's `overflow` says."""
    calls_per_minute: int | None = Field(None, ge=1)
    """Calls that may start in one minute. Further calls hear busy, whatever the route's `overflow` says."""


class Limits(Section):
    """Limits for all calls together. Inbound calls above a limit hear busy or follow the `overflow` of their route.
    Outbound calls wait in the queue."""

    max_calls: int | None = Field(None, ge=1)
    """Concurrent calls, inbound and outbound."""
    calls_per_second: int | None = Field(None, ge=1)
    """Calls that may start in one second, inbound and outbound."""
    per_number: dict[PhoneText, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Concurrent calls to one called number, such as {"+49301234567": 10}. "*" stands for each other number."""
    per_number_per_minute: dict[PhoneText, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """Calls to one called number that may start in one minute, such as {"+49301234567": 30}. "*" stands for each other
    number."""
    per_caller: PerCaller = Field(default_factory=PerCaller)
    minutes_per_day: float | None = Field(None, gt=0)
    """Like `trunks.*.minutes_per_day`, for all trunks together."""
    spend_per_call: float | None = Field(None, gt=0)
    """US dollars. When a call has cost this much, the agent says its `wrap_up`, and the call ends. Needs a price for
    every model."""
    spend_per_day: float | None = Field(None, gt=0)
    """US dollars from midnight to midnight in local time. Above it, live calls wrap up, inbound calls hear congestion,
    and outbound calls wait. Needs a price for every model."""


class Config(Section):
    """All of config.yaml."""

    asterisk: Asterisk
    openai: AiProvider
    """The AI provider of all agents that do not list other `providers`."""
    providers: dict[Name, AiProvider] = Field(default_factory=dict)
    """Further AI providers, by name."""
    resources: Resources = Field(default_factory=Resources)
    agents: dict[Name, Agent] = Field(default_factory=dict)
    """At least one agent, here or (`resources.source: store`) in the database."""
    http_tools: dict[ToolName, HttpTool] = Field(default_factory=dict)
    """HTTP tools that agents may list in their `tools`."""
    mcp: dict[ToolName, Mcp] = Field(default_factory=dict)
    """Remote tool servers that agents may list in their `mcp`."""
    prices: dict[SomeText, Price] = Field(default_factory=dict)
    """Prices of models that voiceai does not know, or that differ from its price list (docs/configuration.md)."""
    routes: tuple[Route, ...] = ()
    trunks: dict[Name, Trunk] = Field(default_factory=dict)
    transfer: Transfer = Field(default_factory=Transfer)
    supervisor: Supervisor = Field(default_factory=Supervisor)
    softphone: Softphone | None = None
    """Calls from the browser. null: off."""
    limits: Limits = Field(default_factory=Limits)
    webhooks: dict[Name, Webhook] = Field(default_factory=dict)
    """Receivers of events over HTTP."""
    call_webhooks: CallWebhooks | None = None
    """Permits a `webhook` in POST /v1/calls, and says how it is sent. null: not permitted."""
    bridge: Bridge = Field(default_factory=Bridge)
    api: Api = Field(default_factory=Api)
    outbound: Outbound = Field(default_factory=Outbound)
    store: Store = Field(default_factory=Store)
    cluster: Cluster = Field(default_factory=Cluster)
    records: Records = Field(default_factory=Records)
    shutdown: Shutdown = Field(default_factory=Shutdown)
    traces: Traces | None = None
    """Export of calls as OpenTelemetry traces. null: off."""
    agent_tests: AgentTests = Field(default_factory=AgentTests)
    """The models that play simulated callers and that judge answers, in tests of agents."""
    text_sessions: TextSessions = Field(default_factory=TextSessions)
    """Limits of text sessions, which try and test agents."""
    canary: Canary | None = None
    """A regular test call, for a metric and an alert (docs/metrics.md). null: off."""

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

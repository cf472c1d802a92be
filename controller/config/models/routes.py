"""config.yaml's `routes`: which agent answers an inbound call, and what happens at a limit. [pure]"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from controller.config.models.trunks import Hours, TimeZone
from controller.config.values import ActionWord, Name, RoutePattern, Section, SomeText, ToolName, wrong


class WaitingLine(Section):
    """A waiting queue: callers are answered, hear music and their position, and are served in order of arrival."""

    max_waiting: int = Field(20, ge=1, le=1000)
    """Callers in the waiting queue of this route. Further callers go to the next step."""
    max_wait_s: float = Field(180.0, ge=1, le=7200)
    """Seconds after which a caller goes to the next step."""
    announce_s: float | None = Field(30.0, ge=5, le=600)
    """Seconds between announcements of the position, with the sounds of Asterisk. null: no announcements."""


class Overflow(Section):
    """A step for a call that meets a limit or finds no worker: exactly one of these keys."""

    wait: WaitingLine | None = None
    """Put the caller into a waiting queue."""
    agent: str | None = None
    """Another agent, if its limits permit the call."""
    context: SomeText | None = Field(
        None, pattern=r"^[A-Za-z0-9+*#][A-Za-z0-9+_.*#-]{0,63}@[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
    )
    """Continue in the dialplan at `extension@context`."""
    on_ai_failure: Literal[True] | None = None
    """The `on_ai_failure` steps of the agent: play a sound, or transfer to a person. Callers for whom no worker is free
    get these steps also without `overflow`. Callers who meet a limit hear busy."""
    busy: Literal[True] | None = None
    """The caller hears busy."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "Overflow":
        if sum(value is not None for value in dict(self).values()) != 1:
            raise wrong("must say exactly one thing: " + ", ".join(type(self).model_fields))
        return self


OverflowStep = Annotated[Overflow, ActionWord(Overflow, "on_ai_failure", "busy")]


class OpenHours(Section):
    time_zone: TimeZone
    """E.g. Europe/Berlin."""
    windows: tuple[Hours, ...] = Field(min_length=1)
    """E.g. `["mon-fri 08:00-18:00"]`."""
    closed_on: tuple[date, ...] = ()
    """Days on which the route does not match, such as `[2026-12-25]`."""


class Route(Section):
    """Which agent answers. The first route that matches is used. A call that matches no route is declined.

    With no route at all the first agent answers everything.
    """

    to: RoutePattern
    """The called number: exact, or with a `*` at the end for all numbers with this start."""
    agent: str | dict[str, Annotated[int, Field(ge=0, le=1000)]]
    """One agent, or several with weights: `{reception: 90, new_prompt: 10}`."""
    sticky: SomeText | None = None
    """With several agents: the same caller always gets the same agent, as long as this word and the weights do not
    change. Another word (`trial-2`) assigns anew. Callers who withhold their number are assigned for each call."""
    caller: RoutePattern | None = None
    """The number of the caller: exact, or with a `*` at the end. A withheld number matches only `*`."""
    trunk: str | None = None
    """The trunk of the inbound call."""
    hours: OpenHours | None = None
    """The times at which the route matches. None: always."""
    variables: dict[Name, RoutePattern] = Field(default_factory=dict)
    """Variables that the dialplan must have set: `{language: de}` matches after `Set(VOICEAI_VAR_language=de)` or with
    `Stasis(voiceai,language=de)`. Use only `Set` for what a caller has entered or said (docs/routing.md)."""
    set: dict[Name, str] = Field(default_factory=dict)
    """Variables for the agent's templates."""
    lookup: ToolName | None = None
    """A name from `http_tools`. It is called with `caller`, `caller_name` and `called` while the caller hears ringing.
    The JSON object in its answer becomes variables of the agent's templates. None: the `lookup` of the agent."""
    lookup_s: float = Field(1.0, gt=0, le=5)
    """Seconds after which the call is answered without the result of the look-up."""
    overflow: tuple[OverflowStep, ...] = ()
    """The steps when a limit is reached or no worker is free, in this order. After the last step the caller hears
    busy."""

    @model_validator(mode="after")
    def _has_weight(self) -> "Route":
        if isinstance(self.agent, dict) and not sum(self.agent.values()):
            raise wrong("has no agent with a weight above zero")
        return self

    @field_validator("overflow")
    @classmethod
    def _one_step_after_wait(cls, steps: tuple[Overflow, ...]) -> tuple[Overflow, ...]:
        first = next((number for number, step in enumerate(steps) if step.wait), len(steps))
        if len(steps) > first + 2 or any(step.agent or step.wait for step in steps[first + 1 :]):
            raise wrong("may have one step behind `wait`: a context, on_ai_failure, or busy")
        return steps

    @property
    def agents(self) -> tuple[str, ...]:
        """All agents of the route."""
        return (self.agent,) if isinstance(self.agent, str) else tuple(self.agent)

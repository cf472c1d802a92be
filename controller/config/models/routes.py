"""config.yaml's `routes`: which agent answers an inbound call, and what happens at a limit. [pure]"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from controller.config.models.trunks import Hours, TimeZone
from controller.config.values import ActionWord, Name, RoutePattern, Section, SomeText, ToolName, wrong


class WaitingLine(Section):
    """Callers are answered, hear music and their place, and are served in order."""

    max_waiting: int = Field(20, ge=1, le=1000)
    """Callers in this route's line. One more goes on to the next step."""
    max_wait_s: float = Field(180.0, ge=1, le=7200)
    """Then the caller goes on to the next step."""
    announce_s: float | None = Field(30.0, ge=5, le=600)
    """How often the place in the line is said, in Asterisk's own words. null: never."""


class Overflow(Section):
    """A step for a call for which there is no room: exactly one of these."""

    wait: WaitingLine | None = None
    agent: str | None = None
    """Another agent, if there is room for that one."""
    context: SomeText | None = Field(
        None, pattern=r"^[A-Za-z0-9+*#][A-Za-z0-9+_.*#-]{0,63}@[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
    )
    """The dialplan goes on at `extension@context`."""
    on_ai_failure: Literal[True] | None = None
    """What the agent's `on_ai_failure` says: a sound, a person. Without any other step this is what a caller gets for
    whom no worker is free; who meets a limit hears that the line is busy."""
    busy: Literal[True] | None = None
    """The caller hears that the line is busy."""

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
    """Days on which the route does not fit, e.g. `[2026-12-25]`."""


class Route(Section):
    """Which agent answers. The first route that matches is used. A call that matches no route is declined.

    With no route at all the first agent answers everything.
    """

    to: RoutePattern
    """The number called: exact, or with a final `*` for everything that begins so."""
    agent: str | dict[str, Annotated[int, Field(ge=0, le=1000)]]
    """One agent, or several by weight: `{reception: 90, new_prompt: 10}`."""
    sticky: SomeText | None = None
    """With several agents: the same caller always gets the same one, as long as this word and the weights stay as they
    are. Another word (`trial-2`) draws anew. A withheld number is drawn for each call."""
    caller: RoutePattern | None = None
    """The caller's number, likewise. A withheld number fits only `*`."""
    trunk: str | None = None
    """The trunk by which the call came in."""
    hours: OpenHours | None = None
    """When the route fits."""
    variables: dict[Name, RoutePattern] = Field(default_factory=dict)
    """What the dialplan says: after `Set(VOICEAI_VAR_language=de)`, or with `Stasis(voiceai,language=de)`, this fits:
    `{language: de}`. What a caller says belongs into `Set` only (docs/routing.md)."""
    set: dict[Name, str] = Field(default_factory=dict)
    """Variables for the agent's templates."""
    lookup: ToolName | None = None
    """A name from `http_tools`, asked with `caller`, `caller_name` and `called` while it rings. The JSON object that it
    answers becomes variables of the agent's templates. Without it: the agent's own `lookup`, if it has one."""
    lookup_s: float = Field(1.0, gt=0, le=5)
    """The call is answered without the look-up's answer after this."""
    overflow: tuple[OverflowStep, ...] = ()
    """What to do, in this order, when a limit is reached. Then the caller hears that the line is busy."""

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

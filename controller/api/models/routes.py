"""Which agent would answer a call: question and answer as JSON. [pure]"""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from controller.api.models.base import Answer, Body, Instant, Name, Variables

_Number = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f]*$")]


class RouteTest(Body):
    to: Annotated[_Number, Field(min_length=1)]
    """The number called."""
    caller: _Number = ""
    """The caller's number; empty: withheld."""
    trunk: Name | None = None
    """The trunk by which the call comes in."""
    variables: Variables = Field(default_factory=dict)
    """What the dialplan says."""
    at: Instant | None = None
    """When the call comes in. Default: now."""
    routes: Annotated[list[dict[str, Any]], Field(max_length=10_000)] | None = None
    """These instead of those in force, as in config.yaml; needs the scope `config`."""


class RouteAnswer(Answer):
    """How a call would be routed. Limits, and whether there is room for it, are not looked at."""

    route: int | None
    """The first route that fits, counted from 0; null: none fits, or there are no routes."""
    agent: str | None
    """Who answers. null: nobody, or one of `agents`, drawn for each call."""
    agents: dict[str, int]
    """All whom the route may choose, by weight; empty: the call is declined."""
    variables: dict[str, str]
    """For the agent's templates, besides what a look-up tells."""
    nearest: str | None
    """If no route fits: the one that comes nearest, and which of its keys do not fit."""

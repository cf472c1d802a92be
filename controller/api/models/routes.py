"""Which agent would answer a call: question and answer as JSON. [pure]"""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from controller.api.models.base import Answer, Body, Instant, Name, Variables

_Number = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f]*$")]


class RouteTest(Body):
    to: Annotated[_Number, Field(min_length=1)]
    """The called number."""
    caller: _Number = ""
    """The caller's number; empty: withheld."""
    trunk: Name | None = None
    """The trunk of the inbound call."""
    variables: Variables = Field(default_factory=dict)
    """Variables that the dialplan sets."""
    at: Instant | None = None
    """The time of the call. Default: now."""
    routes: Annotated[list[dict[str, Any]], Field(max_length=10_000)] | None = None
    """Routes to test instead of the effective ones, as in config.yaml. Needs the scope `config`."""


class RouteAnswer(Answer):
    """How a call would be routed. Limits and capacity are not checked."""

    route: int | None
    """The index of the first matching route, from 0. null: no route matches, or there are no routes."""
    agent: str | None
    """The agent that answers. null: none, or one of `agents`, chosen for each call."""
    agents: dict[str, int]
    """The agents of the route with their weights. Empty: the call is declined."""
    variables: dict[str, str]
    """Variables for the agent's templates, without those of a look-up."""
    nearest: str | None
    """If no route matches: the nearest route, and which of its keys do not match."""

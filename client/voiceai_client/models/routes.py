"""Answers, and parts of requests: routes. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RouteAnswer(Model):
    """How a call would be routed. Limits and capacity are not checked."""

    route: int | None
    """The index of the first matching route, from 0. null: no route matches, or there are no routes."""
    agent: str | None
    """The agent that answers. null: none, or one of `agents`, chosen for each call."""
    agents: Mapping[str, int]
    """The agents of the route with their weights. Empty: the call is declined."""
    variables: Mapping[str, str]
    """Variables for the agent's templates, without those of a look-up."""
    nearest: str | None
    """If no route matches: the nearest route, and which of its keys do not match."""

"""Answers, and parts of requests: routes. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RouteAnswer(Model):
    """How a call would be routed. Limits, and whether there is room for it, are not looked at."""

    route: int | None
    """The first route that fits, counted from 0; null: none fits, or there are no routes."""
    agent: str | None
    """Who answers. null: nobody, or one of `agents`, drawn for each call."""
    agents: Mapping[str, int]
    """All whom the route may choose, by weight; empty: the call is declined."""
    variables: Mapping[str, str]
    """For the agent's templates, besides what a look-up tells."""
    nearest: str | None
    """If no route fits: the one that comes nearest, and which of its keys do not fit."""

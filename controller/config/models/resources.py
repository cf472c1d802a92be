"""config.yaml's `resources`: where agents, routes and the like come from. [pure]"""

from typing import Annotated, Literal

from pydantic import Field

from controller.config.values import Section

VariablePattern = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\*?$")]


class Resources(Section):
    """Agents, routes, HTTP tools, tool servers, webhooks and the limits of trunks (docs/versions.md)."""

    source: Literal["file", "store"] = "file"
    """`file`: this one. `store`: the store, which API and console write; the first start imports them from this file,
    and from then on these sections of the file are ignored."""
    secrets: tuple[VariablePattern, ...] = ()
    """Environment variables that resources in the store may name as `${NAME}`, such as `CRM_TOKEN`, or `HOOK_*` for all
    that begin so. No other: who may edit an agent may not send our other secrets anywhere."""

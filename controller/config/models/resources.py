"""config.yaml's `resources`: where agents, routes and the like come from. [pure]"""

from typing import Annotated, Literal

from pydantic import Field

from controller.config.values import Section

VariablePattern = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\*?$")]


class Resources(Section):
    """Where agents, routes, HTTP tools, tool servers, webhooks and trunk limits are stored (docs/versions.md)."""

    source: Literal["file", "store"] = "file"
    """`file`: in this file. `store`: in the database, where the API and the console change them. The first start
    imports them from this file. After that, these sections of the file are ignored."""
    secrets: tuple[VariablePattern, ...] = ()
    """Environment variables that resources in the database may use as `${NAME}`, such as `CRM_TOKEN`, or `HOOK_*` for
    all names with this start. Other variables are refused, so that an editor of agents cannot send other secrets of
    this machine anywhere."""

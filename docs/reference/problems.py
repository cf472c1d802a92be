"""The page of all problems, from their types and meanings. [pure]"""

from collections.abc import Iterable

from controller.api.operation import Operation
from controller.api.problem_meanings import MEANINGS
from controller.api.resources.problem_pages import answered_by, plain_path, status_and_title
from docs.reference.words import table

HEAD = """# Problems

Every failure of the [HTTP API](api.md) is `application/problem+json` (RFC 9457). Its `type` is one of these, after
`/problems/`. The types are stable, and your controller explains them, too: open the `type` in a browser. This page is
made from the same texts (`make reference`).
"""


def page(operations: Iterable[Operation]) -> str:
    answered = answered_by(operations)
    rows = [(status_and_title(type_)[0], f"[`{type_}`](#{type_})", status_and_title(type_)[1]) for type_ in MEANINGS]
    lines = [HEAD, *table(("status", "type", ""), rows), ""]
    for type_, meaning in MEANINGS.items():
        status, title = status_and_title(type_)
        lines += [f"## {type_}", "", f"{title} (HTTP status {status}). {meaning}", ""]
        if found := answered.get(type_):
            shown = (f"`{each.method} {plain_path(each)}`" for each in found)
            lines += [f"Operations: {', '.join(shown)}.", ""]
    return "\n".join(lines)

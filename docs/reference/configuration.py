"""The page of all configuration keys, from the schema that editors use. [pure]"""

from typing import Any

from docs.reference.words import Schema, default_of, kind_of, table

HEAD = """# Configuration reference

This page lists every key of `config.yaml`. It is generated from the JSON Schema (`make reference`).
[Configure voiceai](configuration.md) explains the most important keys, with examples. Instead of any value you can
write `${NAME}`, for a value from the environment.

A key with the default "none" is optional. A link in the column "Type" leads to a section below.
"""
COLUMNS = ("Key", "Type", "Default", "Meaning")


def page(schema: dict[str, Any]) -> str:
    definitions: dict[str, Schema] = schema["$defs"]

    def link(name: str) -> str:
        return f"[{name}](#{name.lower()})"

    def section(found: Schema) -> list[str]:
        needed = found.get("required", ())
        return table(
            COLUMNS,
            [
                (f"`{key}`", kind_of(rule, link), default_of(rule, required=key in needed), rule.get("description", ""))
                for key, rule in found.get("properties", {}).items()
            ],
        )

    lines = [HEAD, "## The file", "", *section(schema), ""]
    for name, found in sorted(definitions.items()):
        if "properties" in found:
            lines += [f"## {name}", "", *_about(name, found, schema, definitions), *section(found), ""]
    return "\n".join(lines)


def _about(name: str, found: Schema, schema: Schema, definitions: dict[str, Schema]) -> list[str]:
    description = found.get("description", "")
    places = [f"`{key}`" for key, rule in schema["properties"].items() if _names(rule, name)]
    places += [
        f"`{key}` of [{owner}](#{owner.lower()})"
        for owner, definition in sorted(definitions.items())
        for key, rule in definition.get("properties", {}).items()
        if _names(rule, name)
    ]
    return [*([description, ""] if description else []), *([f"Used in {', '.join(places)}.", ""] if places else [])]


def _names(rule: Any, name: str) -> bool:
    if isinstance(rule, list):
        return any(_names(each, name) for each in rule)
    if not isinstance(rule, dict):
        return False
    return rule.get("$ref", "").rpartition("/")[2] == name or any(_names(each, name) for each in rule.values())

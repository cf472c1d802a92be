"""What README and the pages under docs/ point at is there, and the config that they show is accepted by the loader."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import config
from controller.config.errors import ConfigErrors
from tests.pages import FENCE, PAGES, ROOT, blocks

PICTURE_OR_LINK = re.compile(r"\]\(([^)\s]+)\)")
SECTIONS = set(config.Config.model_fields)
ELSEWHERE = ("no such ", "does not exist", "could never be reached", "is missing")
"""Problems of what is shown elsewhere: other agents, tools and contexts, an agent's other keys."""
SECRET = "5b0e93d1c7a84f26" * 4
VARIABLE = re.compile(r"\$\{(\w+)\}")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub and MkDocs make them of headings (lower case, no punctuation, hyphens for spaces), and those that are
    written (`<a id=…>`)."""
    own = set(re.findall(r'<a id="([\w-]+)">', prose(page)))
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return own | {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def dead_links(page: Path) -> list[str]:
    dead = []
    for link in PICTURE_OR_LINK.findall(prose(page)):
        if ":" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    return dead


def lost_paths(page: Path) -> list[str]:
    """Files that a page names in backticks, from the root or from `controller/`, and that are not there."""
    named = set(re.findall(r"`([\w.-]+/[\w/.-]+\.\w+)`", prose(page)))
    return sorted(each for each in named if not any((start / each).exists() for start in (ROOT, ROOT / "controller")))


def shown_config() -> list[Any]:
    """Every YAML block whose keys are all sections of the config; others are of Prometheus or of something else."""
    found = []
    for page in PAGES:
        texts = [each.text for each in blocks(page) if each.language == "yaml"]
        for number, text in enumerate(texts, start=1):
            shown = yaml.safe_load(text)
            if isinstance(shown, dict) and set(shown) <= SECTIONS:
                found.append(pytest.param(shown, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_is_dead(page: Path) -> None:
    assert dead_links(page) == []


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_that_is_named_is_there(page: str) -> None:
    assert lost_paths(ROOT / page) == []


def test_a_dead_link_would_be_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`\n[a](page.md#one-two) [b](#three) [c](gone.md) [d](https://example.org)\n", "utf-8")
    assert dead_links(page) == ["#three", "gone.md"]


def merged(base: Any, shown: Any) -> Any:
    if isinstance(base, dict) and isinstance(shown, dict):
        return base | {key: merged(base.get(key), value) for key, value in shown.items()}
    return shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_can_be_parsed(page: Path) -> None:
    for each in blocks(page):
        if each.language == "json":
            json.loads(each.text)


def load_beside(shown: dict[str, Any]) -> None:
    """Loads config.yaml with what is shown put into it. Raises ConfigErrors."""
    text = yaml.safe_dump(merged(yaml.safe_load((ROOT / "config.yaml").read_text("utf-8")), shown))
    config.parse(text, dict.fromkeys(VARIABLE.findall(text), SECRET))


@pytest.mark.parametrize("shown", shown_config())
def test_the_config_on_a_page_is_accepted(shown: dict[str, Any]) -> None:
    """Beside what config.yaml says."""
    problems = []
    try:
        load_beside(shown)
    except ConfigErrors as refused:
        problems = [str(each) for each in refused.errors if not each.message.startswith(ELSEWHERE)]
    assert problems == []


def test_config_that_is_wrong_would_be_seen() -> None:
    with pytest.raises(ConfigErrors, match="capacities"):
        load_beside({"bridge": {"capacities": 3}})

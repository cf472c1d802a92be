"""What the site shows of the repository beside docs/: pages of its root, and files of which pages speak.

A hook of MkDocs. Owns their place on the site; no file is copied, and links in the pages stay those
that work in the repository.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PAGES = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "README.md", "README.tr.md")
_LINK = re.compile(r"\]\(((?:\.\./)?)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in PAGES:
        if (ROOT / name).exists():
            files.append(File.generated(config, _page(name), content=(ROOT / name).read_text("utf-8")))
    for path in sorted(_spoken_of(files)):
        if path.is_file():
            told = path.read_text("utf-8")
            files.append(File.generated(config, f"repository/{path.relative_to(ROOT)}.txt", content=told))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    from_root = page.file.src_uri in map(_page, PAGES)

    def link(found: re.Match[str]) -> str:
        up, path, anchor = found[1], found[2], found[3] or ""
        if ":" in path or not (up or from_root):
            return found[0]
        if from_root and path.startswith("docs/"):
            return f"]({path.removeprefix('docs/')}{anchor})"
        if path in PAGES:
            return f"]({_page(path)}{anchor})"
        return (
            f"](repository/{path}.txt)" if (ROOT / path).is_file() else found[0].replace(f"]({up}{path}", "](index.md")
        )

    return _LINK.sub(link, markdown)


def _page(name: str) -> str:
    """`README.md` would be the folder's index."""
    return name.lower().replace("readme", "overview")


def _spoken_of(files: Files) -> set[Path]:
    texts = [Path(each.abs_src_path).read_text("utf-8") for each in files.documentation_pages() if each.abs_src_path]
    found = {ROOT / link[2] for text in texts for link in _LINK.finditer(text) if link[1]}
    roots = [(ROOT / name).read_text("utf-8") for name in PAGES if (ROOT / name).exists()]
    found |= {ROOT / link[2] for text in roots for link in _LINK.finditer(text) if ":" not in link[2]}
    return {path for path in found if path.suffix != ".md" and not path.is_relative_to(ROOT / "docs")}

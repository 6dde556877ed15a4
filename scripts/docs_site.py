"""Hooks of MkDocs: pages that lie elsewhere, links that leave the folder, diagrams from text.

The contribution guide, the chart's README and the examples stay where readers of the repository
look for them, and are pages and files of the site all the same. A fence of the language `dot` is
drawn by Graphviz when the site is built.
"""

from __future__ import annotations

import os.path
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Pages of the site whose source lies outside of docs/.
PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "chart.md": "charts/osmia/README.md",
    "examples.md": "examples/README.md",
}
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let fences of the language `dot` be drawn."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fences["custom_fences"] = [{"name": "dot", "class": "diagram", "format": diagram}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and the examples as files to download."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file() and path.suffix != ".md":
            uri = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links to where things are on the site."""
    uri = page.file.src_uri
    return site_links(markdown, uri, PAGES.get(uri, f"docs/{uri}"))


def site_links(markdown: str, uri: str, source: str) -> str:
    """Return a page's text with the links of its source turned into those of the site.

    A link to a file of the repository that is no part of the site becomes its text.
    """

    def replace(match: re.Match[str]) -> str:
        text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, fragment = target.partition("#")
        place = os.path.normpath(PurePosixPath(source).parent / path)
        found = _site_uri(place)
        if found is None:
            return text if (ROOT / place).exists() else match[0]
        link = os.path.relpath(found, PurePosixPath(uri).parent)
        return f"[{text}]({link}{'#' if fragment else ''}{fragment})"

    # Code is left as it is: odd parts are fences.
    parts = re.split(r"(?ms)(^```.*?^```)", markdown)
    return "".join(
        part if number % 2 else _LINK.sub(replace, part) for number, part in enumerate(parts)
    )


def _site_uri(place: str) -> str | None:
    """Return where a file of the repository is on the site."""
    for page, source in PAGES.items():
        if place == source:
            return page
    if place.startswith("docs/"):
        return place.removeprefix("docs/")
    return place if place.startswith("examples/") and (ROOT / place).is_file() else None


def diagram(source: str, *_: Any, **__: Any) -> str:
    """Return a graph in the DOT language as a drawing within the page."""
    head = 'bgcolor=transparent fontname="sans-serif" fontsize=13'
    node = 'shape=box style="rounded,filled" fontname="sans-serif" fontsize=13 margin="0.18,0.1"'
    text = source.replace(
        "{", f'{{ graph [{head}] node [{node}] edge [fontname="sans-serif" fontsize=11]', 1
    )
    done = subprocess.run(
        ["/usr/bin/dot", "-Tsvg"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PluginError(f"a diagram cannot be drawn: {done.stderr.strip()}\n{source}")
    drawing = done.stdout[done.stdout.index("<svg") :]
    # Without comments and titles: browsers show titles as tool tips, and there they are ids.
    drawing = re.sub(r"<!--.*?-->|<title>.*?</title>|\n", "", drawing, flags=re.DOTALL)
    return f'<figure class="diagram">{drawing}</figure>'

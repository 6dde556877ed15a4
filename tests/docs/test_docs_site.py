from __future__ import annotations

import pytest
from mkdocs.exceptions import PluginError

from scripts.docs_site import diagram, site_links


@pytest.mark.parametrize(
    ("uri", "source", "link", "on_the_site"),
    [
        ("contributing.md", "CONTRIBUTING.md", "[a](docs/limits.md)", "[a](limits.md)"),
        ("contributing.md", "CONTRIBUTING.md", "[a](docs/limits.md#x)", "[a](limits.md#x)"),
        ("chart.md", "charts/osmia/README.md", "[a](values.yaml)", "a"),
        ("limits.md", "docs/limits.md", "[a](../CONTRIBUTING.md)", "[a](contributing.md)"),
        ("tutorials/x.md", "docs/tutorials/x.md", "[a](../pipeline.md)", "[a](../pipeline.md)"),
        ("limits.md", "docs/limits.md", "[a](https://example.org)", "[a](https://example.org)"),
        ("limits.md", "docs/limits.md", "[a](#part)", "[a](#part)"),
        # What is nowhere stays, so that the strict build complains.
        ("limits.md", "docs/limits.md", "[a](../nowhere.md)", "[a](../nowhere.md)"),
        ("limits.md", "docs/limits.md", "```\n[a](../Makefile)\n```", "```\n[a](../Makefile)\n```"),
    ],
)
def test_links_lead_to_where_things_are_on_the_site(
    uri: str, source: str, link: str, on_the_site: str
) -> None:
    assert site_links(link, uri, source) == on_the_site


def test_a_diagram_is_a_drawing_within_the_page() -> None:
    drawing = diagram("digraph { a -> b }")
    assert drawing.startswith('<figure class="diagram"><svg')
    assert "<title>" not in drawing
    assert ">a</text>" in drawing


def test_a_diagram_with_an_error_ends_the_build() -> None:
    with pytest.raises(PluginError, match="syntax error"):
        diagram("digraph { a -> }")

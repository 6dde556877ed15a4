"""The site as a reader has it: every page opens, nothing comes from elsewhere, the search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import yaml

from tests.docs.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page


def _pages(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node
    return [page for child in children for page in _pages(child)]


NAVIGATION = _pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])


def _url(page: str) -> str:
    return page.removesuffix("index.md").removesuffix(".md") + ("" if page == "index.md" else "/")


class Watched:
    """A page of the browser that notes what goes wrong in it, and what it asks others for."""

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        self.context = browser.new_context(**context)
        # A busy machine is no fault of the site.
        self.context.set_default_timeout(120_000)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "data:", "blob:"))
                else self.problems.append(f"asks {request.url}")
            ),
        )
        self.page.on(
            "response",
            lambda response: (
                self.problems.append(f"{response.status} {response.url}")
                if response.status >= 400
                else None
            ),
        )

    def _failed(self, request: Any) -> None:
        # What a page still loads when the test goes on to the next one is given up by the browser.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.failure} {request.url}")

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_an_error(browser: Browser, address: str, scheme: str) -> None:
    watched = Watched(browser, address, color_scheme=scheme)
    page = watched.page
    seen = {}
    for name in NAVIGATION:
        page.goto(urljoin(address, _url(name)), wait_until="load")
        seen[name] = page.locator("article h1").first.inner_text()
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{name} is {too_wide} px wider than the window"
    watched.context.close()
    assert watched.problems == []
    assert all(seen.values())
    assert len(seen) == len(NAVIGATION)


def test_no_table_is_wider_than_its_page(browser: Browser, address: str) -> None:
    watched = Watched(browser, address, viewport={"width": 1280, "height": 900})
    wide = []
    for name in NAVIGATION:
        watched.page.goto(urljoin(address, _url(name)), wait_until="load")
        wide += [
            f"{name}: table {number} by {excess} px"
            for number, excess in enumerate(
                watched.page.evaluate(
                    "[...document.querySelectorAll('article table')].map("
                    "t => t.getBoundingClientRect().right -"
                    " t.closest('article').getBoundingClientRect().right)"
                )
            )
            if excess > 1
        ]
    watched.context.close()
    assert wide == []


def test_the_search_finds_redaction(browser: Browser, address: str) -> None:
    watched = Watched(browser, address)
    page = watched.page
    page.goto(address, wait_until="load")
    page.locator("[data-md-component=search-query]").first.click()
    page.keyboard.type("redaction")
    results = page.locator(".md-search-result__item a.md-search-result__link")
    results.first.wait_for()
    links = [str(link.get_attribute("href")) for link in results.all()]
    results.first.click()
    page.wait_for_load_state("load")
    assert "redact" in page.locator("article").inner_text().lower()
    watched.context.close()
    assert watched.problems == []
    assert any("pipeline/" in link for link in links), links


def test_the_text_names_nothing_of_others_to_load(site: Path) -> None:
    """What the browser asked for was watched; this looks at what it could ask for."""
    for path in site.rglob("*.html"):
        text = path.read_text()
        for start in (
            '<script src="http',
            "<link rel=stylesheet href=http",
            '<img src="http',
            "@import url(http",
        ):
            assert start not in text, f"{path}: {start}"

"""Reads a page as a browser would, and makes names that try to become part of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

VOID = {"meta", "br", "img"}
WEAPONS = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "</title>",
    "<!--",
    "-->",
    "&",
    "&lt;",
    '"',
    "'",
    " onload=alert(1) ",
    "{{ 7*7 }}",
    "{% raw %}",
    "{#",
    "\x00",
)
HOSTILE = (
    st.lists(st.sampled_from(WEAPONS) | st.text(max_size=9), min_size=1, max_size=7)
    .map("".join)
    # A letter around it: no name is a number, or nothing.
    .map(lambda text: f"a{text}z")
)
SEVERAL_PAGES = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class PageReader(HTMLParser):
    """Checks that every element is closed, and gathers elements, texts and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, ...]] = []
        """Each tag with the names of its attributes."""
        self.addresses: list[str] = []
        self.identifiers: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(key for key, _ in attrs)))
        self.texts.append("")
        for key, value in attrs:
            assert not key.startswith("on"), key
            if key in ("src", "href"):
                self.addresses.append(value or "")
            if key == "id":
                self.identifiers.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, *(key for key, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts[-1:] = ["".join([*self.texts[-1:], data])]

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def tags(self) -> set[str]:
        return {tag for tag, *_ in self.elements}


def read_page(html: str) -> PageReader:
    """Read a whole page."""
    reader = PageReader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def assert_shown_as_text(html: str, text: str, harmless: str) -> None:
    """Check that a text is on a page to be read, and changes nothing else of the page.

    Args:
        html: the page that shows the text.
        text: may hold anything.
        harmless: the same page with a harmless name in the text's place.
    """
    page = read_page(html)
    assert page.elements == read_page(harmless).elements
    shown = UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    assert any(shown in there for there in page.texts)
    html.encode("utf-8")

"""Every text of a page is escaped, cut and writable, whoever wrote the template."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, UndefinedError

from train_teacher.pages import page

PAGE = "reports/comparison.html.j2"


def rendered(monkeypatch: pytest.MonkeyPatch, template: str, text: object) -> str:
    environment = page._environment().overlay(loader=DictLoader({PAGE: template}))
    monkeypatch.setattr(page, "_environment", lambda: environment)
    return page.render_page(PAGE, text=text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>\"&'", "&lt;b&gt;&#34;&amp;&#39;"),
        ("a\x00\x1b\ud800b\tc\n", "a\ufffd\ufffd\ufffdb\tc\n"),
        ("x" * 401, "x" * 397 + "..."),
        ("x" * 400, "x" * 400),
        (1.5, "1.5"),
        (None, "None"),
    ],
)
def test_a_value_is_shown_escaped_cut_and_without_what_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, text: object, shown: str
) -> None:
    assert rendered(monkeypatch, "{{ text }}", text) == shown


def test_uncut_text_is_whole_or_as_long_as_the_template_says_and_still_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert rendered(monkeypatch, "{{ text|uncut }}", "<" * 500) == "&lt;" * 500
    assert rendered(monkeypatch, "{{ text|uncut(500) }}", "<" * 501) == "&lt;" * 497 + "..."


def test_what_a_macro_made_is_not_escaped_again(monkeypatch: pytest.MonkeyPatch) -> None:
    template = "{% macro bold(t) %}<b>{{ t }}</b>{% endmacro %}{{ bold(text) }}"
    assert rendered(monkeypatch, template, "<") == "<b>&lt;</b>"


def test_a_name_that_the_view_does_not_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UndefinedError):
        rendered(monkeypatch, "{{ other }}", "")


@pytest.mark.parametrize("arguments", [["--help"], ["DATA"]])
def test_a_command_without_a_page_does_not_load_the_templates(
    arguments: list[str], tmp_path: Path
) -> None:
    data = tmp_path / "data.json"
    data.write_text('{"images": [], "annotations": [], "categories": []}')
    arguments = [str(data) if a == "DATA" else a for a in arguments]
    code = (
        "import sys\nfrom train_teacher.cli.main import inspect_data\n"
        f"sys.argv = ['inspect-data', *{arguments!r}]\n"
        "try:\n    inspect_data()\nexcept SystemExit:\n    pass\n"
        "print('loaded:', [m for m in ('train_teacher.cli.main', 'jinja2') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "loaded: ['train_teacher.cli.main']"

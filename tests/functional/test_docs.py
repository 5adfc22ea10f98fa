"""The documentation builds without a dead link, is fresh, and answers within three clicks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import make_reference
from train_teacher.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)")
QUESTIONS = {
    "how do I freeze nothing": ("docs/how-to/freeze.md", "--tune full"),
    "what is R3": ("docs/findings/R3.md", "An annotation has the id 0"),
    "why is my class not found": ("docs/how-to/class-names.md", "Why is my class not found?"),
    "how do I resume on another machine": ("docs/how-to/resume.md", "## On another machine"),
    "which GPU do I need": ("docs/how-to/which-machine.md", "about 10 GB"),
    "what is in best.pth": ("docs/explanation/run-folder.md", "## What is in best.pth"),
    "how do I add a check": ("CONTRIBUTING.md", "## Add a check"),
    "where is the split decided": ("docs/explanation/splits.md", "The split is decided in"),
    "can I use my own BERT": ("docs/how-to/own-weights.md", "your own BERT"),
    "how do I give the labels to a YOLO": ("docs/how-to/train-a-student.md", "yolo detect train"),
}


def clicks_from_readme() -> dict[Path, int]:
    """Return every page that can be reached from the README, with the clicks it takes."""
    clicks = {ROOT / "README.md": 0}
    waiting = list(clicks)
    for page in waiting:
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            if target not in clicks and target.is_file():
                clicks[target] = clicks[page] + 1
                waiting.append(target)
    return clicks


def test_the_documentation_builds_without_a_warning_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|<link[^>]* href)="https?://[^"]*\.(?:js|css)', page)


@pytest.mark.parametrize("page", sorted(make_reference.pages()), ids=lambda page: page.stem)
def test_a_page_of_the_reference_says_what_the_code_says(page: Path) -> None:
    stale = page.read_text(encoding="utf-8") != make_reference.pages()[page]

    assert not stale, f"{page.name} is stale; write it anew with: {make_reference.COMMAND}"


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_newcomers_question_is_answered_within_three_clicks(question: str) -> None:
    page, answer = QUESTIONS[question]

    assert answer in (ROOT / page).read_text(encoding="utf-8")
    assert clicks_from_readme()[ROOT / page] <= 3


def test_every_page_can_be_reached_from_the_readme() -> None:
    unlinked = set(DOCS.rglob("*.md")) - clicks_from_readme().keys()

    assert not unlinked, f"write docs/pages.md anew: {make_reference.COMMAND}"


def test_every_link_of_the_readme_and_contributing_leads_to_a_file() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (ROOT / link).exists() and "://" not in link] == []


def test_the_readme_is_short_and_its_images_are_small() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    images = re.findall(r"!\[[^\]]+\]\(([^)]+\.png)\)", readme)

    assert len(readme.splitlines()) <= 180
    assert len(images) == 2
    assert sum((ROOT / image).stat().st_size for image in images) < 300_000


def test_a_command_that_was_called_before_is_documented_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = make_reference.pages()
    monkeypatch.setattr("sys.argv", ["inspect-data", "--version"])
    with pytest.raises(SystemExit):
        main.inspect_data()

    assert make_reference.pages() == before

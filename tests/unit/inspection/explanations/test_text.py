from __future__ import annotations

import pytest

from train_teacher.inspection.explanations.catalogue import explain, stories
from train_teacher.inspection.explanations.text import WIDTH, render_explanation

STORY = """# B99: Boxes of glass

## What it means

Nobody sees
them.

## What it does to training

Nothing.

## Example

```text
wrong  "glass"
right  "wood"
```

## What to do

Use wood.

Ask again.
"""


def test_a_story_is_shown_without_its_headings() -> None:
    assert render_explanation(STORY) == (
        "B99  Boxes of glass\n\n"
        "Nobody sees them. Nothing.\n\n"
        '  wrong  "glass"\n  right  "wood"\n\n'
        "Use wood.\n\n"
        "Ask again.\n"
    )


@pytest.mark.parametrize("code", stories())
def test_every_story_is_complete_and_fits_the_terminal(code: str) -> None:
    lines = render_explanation(explain(code)).splitlines()

    assert lines[0].startswith(f"{code}  ")
    assert len(lines) >= 5
    assert max(map(len, lines)) <= WIDTH
    assert [line for line in lines if line.endswith("-") or line.startswith("#")] == []


@pytest.mark.parametrize("code", [code for code in stories() if "## Example" in explain(code)])
def test_an_example_shows_wrong_and_right_line_by_line(code: str) -> None:
    text = render_explanation(explain(code))

    assert "\n  wrong  " in text
    assert "\n  right  " in text

from __future__ import annotations

import shlex
from pathlib import Path

from train_teacher.console.follow_up import command_line


def test_what_was_not_given_is_left_out_and_the_rest_is_quoted_for_a_shell() -> None:
    line = command_line(
        "teacher predict",
        Path("my run"),
        "a$b.jpg",
        class_prompt={"H1": "it's a bolt", "x": "y z"},
        images=Path("/a b"),
        deep=True,
        no_images=False,
        val=None,
        class_from="",
    )
    assert shlex.split(line) == [
        *("teacher", "predict", "my run", "a$b.jpg"),
        *("--class-prompt", "H1=it's a bolt", "--class-prompt", "x=y z"),
        *("--images", "/a b", "--deep"),
    ]

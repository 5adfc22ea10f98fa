"""`teacher blend` shows the curve, and refuses what lies beyond its ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from train_teacher.blending import blend as module
from train_teacher.blending.blend import BlendRequest
from train_teacher.blending.command import blend_command
from train_teacher.blending.curve import BlendCurve, BlendPoint


def curve(request: BlendRequest, **_: object) -> BlendCurve:
    alpha = request.alpha or 0.0
    return BlendCurve(
        run="run",
        trained="best.pth",
        points=(BlendPoint(alpha=alpha, validation=0.5, validation_50=0.6),),
        chosen=alpha,
        reason="given by --alpha",
        validation_data="val.json",
        validation_images=1,
        retained_data=None,
        retained_images=0,
        output=None,
        seconds=0.0,
    )


def test_the_command_tells_the_curve_and_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "blend", curve)
    page = tmp_path / "page.html"
    result = CliRunner().invoke(blend_command, ["run", "--alpha", "0.3", "--html", str(page)])
    assert "alpha 0.3: given by --alpha" in result.output
    assert "alpha 0.3" in page.read_text()


@pytest.mark.parametrize("alpha", ["2", "-1", "nan", "much"])
def test_what_lies_beyond_base_and_training_is_wrong_usage(alpha: str) -> None:
    result = CliRunner().invoke(blend_command, ["run", "--alpha", alpha])
    assert result.exit_code == 2
    assert alpha in result.output

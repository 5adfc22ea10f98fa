"""An exported teacher's README says what it is of, how good it is, and how to load it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from demo_model import make_info, make_settings
from train_teacher.core.errors import UsageError
from train_teacher.pages.page import render_text
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.summary import RunSummary, Validation
from train_teacher.reports.verdict import Verdict
from train_teacher.scores.coco_scores import CocoScores
from train_teacher.teachers.card import BaseFile, Preprocessing, describe_teacher
from train_teacher.teachers.export import MODEL_CARD, Kind, export_teacher

VALIDATED = RunSummary(
    before=Validation(0, 0.1, 0.2, {}),
    best=Validation(3, 0.45, 0.6, {"red circle": 0.4, "blue square": 0.5}),
    last=None,
)
TESTED = FinalScores(
    num_images=15,
    num_objects=30,
    before=CocoScores(0.12, 0.22, 0.0, 0.0, 0.0, 0.0, (), ()),
    best=CocoScores(0.41, 0.58, 0.0, 0.0, 0.0, 0.0, (), ()),
    chance=None,
    labels=None,
)
UNKNOWN = RunSummary(before=None, best=None, last=None)


def readme(
    kind: Kind = "merged",
    summary: RunSummary = VALIDATED,
    *,
    based: bool = True,
    test: FinalScores | None = TESTED,
    verdict: Verdict | None = None,
) -> str:
    """Return the README of a bundle."""
    info = msgspec.structs.replace(make_info(), original_names=("red circle", "C2"))
    card = describe_teacher(
        info,
        make_settings(),
        summary,
        base=BaseFile("base.pth", "ab" * 32) if based else None,
        preprocessing=Preprocessing([800, 1333], [123.7], [58.4], "RGB", 1),
        test=test,
    )
    return render_text(
        MODEL_CARD,
        card=card,
        info=info,
        summary=summary,
        verdict=verdict,
        kind=kind,
        name="bundle",
        half=True,
    )


def test_scores_before_and_after_stand_side_by_side() -> None:
    text = readme()
    assert (
        "|---|---|---|\n"
        "| base weights, validation split | 0.100 | 0.200 |\n"
        "| this model, validation split | 0.450 | 0.600 |\n"
        "| base weights, test split | 0.120 | 0.220 |\n"
        "| this model, test split | 0.410 | 0.580 |\n"
    ) in text
    assert "AP by class (validation): red circle 0.400, blue square 0.500." in text


def test_classes_have_their_own_names_with_what_the_model_reads_beside_them() -> None:
    assert '- classes: red circle, C2 ("blue square")\n' in readme()


def test_the_verdict_of_the_run_follows_its_scores_and_a_run_without_a_test_split_names_none() -> (
    None
):
    verdict = Verdict(True, "Fine-tuning was worth it.", ("Good enough? Yes.", "Longer."))
    text = readme(test=None, verdict=verdict)
    assert "0.600 |\n\nFine-tuning was worth it. Good enough? Yes.\n\nAP by class" in text
    assert "test split" not in text


def test_a_teacher_without_a_validation_claims_nothing() -> None:
    text = readme(summary=UNKNOWN)
    assert "Not validated." in text
    assert "AP by class" not in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("adapter", 'PeftModel.from_pretrained(detector, "bundle")'),
        ("changes", 'torch.load("bundle/teacher.pth")'),
        ("merged", 'init_detector("bundle/config.py", "bundle/model.pth"'),
    ],
)
def test_each_kind_of_bundle_is_loaded_its_own_way(kind: Kind, said: str) -> None:
    assert said in readme(kind)


def test_the_base_is_named_by_its_digest_or_called_random() -> None:
    assert f"- base: `base.pth`, SHA-256 `{'ab' * 32}`" in readme()
    assert "- base: random weights" in readme(based=False)


def test_half_an_onnx_file_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="32 bits a number"):
        export_teacher(tmp_path, tmp_path / "out", half=True, form="onnx")

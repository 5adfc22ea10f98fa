"""README.md of an exported teacher: what it is, on which data, how well, how to load it."""

from __future__ import annotations

from typing import Literal

from train_teacher.inspection.facts import DatasetInfo
from train_teacher.pages.page import render_text
from train_teacher.reports.summary import RunSummary
from train_teacher.teachers.card import TeacherCard

Kind = Literal["adapter", "changes", "merged"]


def render_model_card(
    card: TeacherCard, info: DatasetInfo, summary: RunSummary, kind: Kind, *, name: str, half: bool
) -> str:
    """Return the model card of a bundle; half says that numbers are stored in 16 bits."""
    return render_text(
        "teachers/model_card.md.j2",
        card=card,
        info=info,
        summary=summary,
        kind=kind,
        name=name,
        half=half,
    )

"""D9: a test set without a validation set."""

from __future__ import annotations

from train_teacher.inspection.facts import Finding
from train_teacher.inspection.inspected import Inspected


def check_no_validation(data: Inspected) -> list[Finding]:
    """Return D9: files were given for several splits, and none of them is val."""
    names = [file.name for file in data.files]
    if "val" in names or len(names) == 1:
        return []
    return [
        Finding(
            code="D9",
            severity="warning",
            count=1,
            message=f"there is a {names[-1]} file but no val file",
            consequence="The best epoch has to be chosen on something: a share of train will be "
            "set aside.",
            fix="Give one with --val, or let train-teacher set a share aside.",
        )
    ]


CHECKS = (check_no_validation,)

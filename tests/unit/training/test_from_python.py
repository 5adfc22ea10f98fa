from __future__ import annotations

from pathlib import Path

import pytest

from train_teacher.core.errors import UsageError
from train_teacher.training.from_python import train_teacher


def test_a_setting_that_there_is_not_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="epochs"):
        train_teacher("data.json", tmp_path / "exp1", epoch=3)
    assert not (tmp_path / "exp1").exists()

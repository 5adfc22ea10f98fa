"""One command at a time labels into a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.core.file_lock import held_output
from train_teacher.prediction.predict import PredictRequest, predict
from train_teacher.prediction.prediction_file import partial_of
from train_teacher.teachers.open import TeacherRequest


def test_labels_for_a_file_that_another_command_writes_are_refused_and_its_work_stays(
    tmp_path: Path,
) -> None:
    output = tmp_path / "a.json"
    teacher = TeacherRequest(tmp_path, False, None, None, "cpu")
    with held_output(partial_of(output), f"--output {output}"):
        partial_of(output).write_text("half")
        with pytest.raises(UserError, match="another command is writing this file"):
            predict(PredictRequest(teacher, (tmp_path,), output))
        assert partial_of(output).read_text() == "half"

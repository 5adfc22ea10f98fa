from __future__ import annotations

import pytest

from demo_model import make_info
from train_teacher.config.data_driven import tune
from train_teacher.inspection.training_scale import STRIDES, least_side, short_sides
from train_teacher.settings.schema import TeacherSettings


@pytest.mark.parametrize("queries", [40, 300, 900])
def test_the_least_side_is_the_first_with_enough_points(queries: int) -> None:
    side = least_side(queries)
    assert sum((side // stride) ** 2 for stride in STRIDES) >= queries
    assert sum(((side - 32) // stride) ** 2 for stride in STRIDES) < queries


def test_what_the_inspection_measures_with_is_what_a_run_chooses() -> None:
    info = make_info()
    settings = TeacherSettings(data="d.json", output="exp")
    (scales,) = (d.value for d in tune(info, settings) if d.name == "train_scales")
    assert [side for side, _ in scales] == short_sides(info.sizes)

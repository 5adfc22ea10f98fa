from __future__ import annotations

import pytest

from demo_model import make_info
from train_teacher.config.data_driven import tune
from train_teacher.inspection.facts import SizeInfo
from train_teacher.inspection.training_scale import STRIDES, least_side, training_scales
from train_teacher.settings.schema import TeacherSettings


def sizes(width: int, height: int, side: float) -> SizeInfo:
    """Return facts of images of one size with boxes of one size."""
    return SizeInfo(width, width, height, height, min(width, height), 3, 9, side)


@pytest.mark.parametrize("queries", [40, 300, 900])
def test_the_least_side_is_the_first_with_enough_points(queries: int) -> None:
    side = least_side(queries)
    assert sum((side // stride) ** 2 for stride in STRIDES) >= queries
    assert sum(((side - 32) // stride) ** 2 for stride in STRIDES) < queries


def test_what_the_inspection_measures_with_is_what_a_run_chooses() -> None:
    info = make_info()
    settings = TeacherSettings(data="d.json", output="exp")
    (scales,) = (d.value for d in tune(info, settings) if d.name == "train_scales")
    assert [tuple(scale) for scale in scales] == training_scales(info.sizes)


@pytest.mark.parametrize("image", [(96, 96, 40), (470, 360, 180), (6000, 4000, 400)])
def test_images_of_any_size_are_trained_at_the_scales_of_the_recipe(
    image: tuple[int, int, float],
) -> None:
    assert training_scales(sizes(*image)) == [(side, 1333) for side in range(480, 801, 32)]


@pytest.mark.parametrize(
    ("image", "smallest", "largest"),
    [
        ((4000, 3000, 20.0), (800, 2221), (1333, 2221)),
        ((1280, 960, 20.0), (576, 1600), (960, 1600)),
        ((1920, 1080, 30.0), (640, 1813), (1088, 1813)),
        ((416, 416, 12.0), (480, 1333), (800, 1333)),
    ],
)
def test_small_objects_are_enlarged_as_far_as_the_images_show_more(
    image: tuple[int, int, float], smallest: tuple[int, int], largest: tuple[int, int]
) -> None:
    scales = training_scales(sizes(*image))
    assert (scales[0], scales[-1]) == (smallest, largest)


def test_the_user_can_keep_the_size_of_the_images_or_name_one() -> None:
    raccoons = sizes(470, 360, 180)
    assert training_scales(raccoons, image_scale="native") == [(352, 1333)]
    assert training_scales(raccoons, image_scale=640) == [(640, 1066)]

from typing import Any

from train_teacher.config.pipelines import train_pipeline

SCALES = [[160, 200]]


def types(**values: Any) -> list[str]:
    arguments: dict[str, Any] = {"scales": SCALES, "random_crop": True, **values}
    return [step["type"] for step in train_pipeline(**arguments)]


def test_the_official_recipe_flips_and_crops() -> None:
    expected = ["LoadAnnotations", "RandomFlip", "RandomChoice", "PackDetInputs"]
    assert types()[1:] == expected
    assert types(random_crop=False)[2:4] == ["RandomFlip", "RandomChoiceResize"]


def test_named_recipes_leave_out_what_they_say() -> None:
    assert types(augmentation="flip_only")[2:-1] == ["RandomFlip", "RandomChoiceResize"]
    assert types(augmentation="none")[2:-1] == ["RandomChoiceResize"]


def test_few_images_are_varied_in_colour_and_mixed_at_their_scale_without_a_crop() -> None:
    steps = train_pipeline([[96, 160], [160, 200]], True, "fewshot")
    assert [step["type"] for step in steps[2:-1]] == [
        "YOLOXHSVRandomAug",
        "RandomFlip",
        "RandomChoiceResize",
        "SometimesMixUp",
        "FilterAnnotations",
    ]
    assert steps[5]["img_scale"] == (200, 160)


def test_own_transforms_stand_between_loading_and_resizing() -> None:
    own = [{"type": "RandomFlip", "prob": 0.5}, {"type": "PhotoMetricDistortion"}]
    assert types(augmentation=own)[1:] == [
        "LoadAnnotations",
        "RandomFlip",
        "PhotoMetricDistortion",
        "RandomChoiceResize",
        "PackDetInputs",
    ]


def test_sizes_of_own_transforms_become_tuples() -> None:
    own = [{"type": "RandomCrop", "crop_size": [64, 64]}, {"type": "RandomOrder", "transforms": []}]
    steps = train_pipeline(SCALES, True, own)
    assert steps[2]["crop_size"] == (64, 64)
    assert steps[3]["transforms"] == []

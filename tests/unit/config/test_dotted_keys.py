import pytest

from train_teacher.config.dotted_keys import (
    fitted,
    list_paths,
    nearest_path,
    set_value,
    through_wrappers,
    type_problem,
    unknown_key_problem,
    value_at,
)

CONTENT = {
    "model": {
        "head": {"loss_box": {"type": "L1Loss", "loss_weight": 5.0}, "num_classes": 80},
        "neck": {"channels": [1, 2, 3]},
    },
    "pipeline": [{"type": "Load"}, {"type": "Flip", "prob": 0.5}],
}


def test_every_value_has_a_path_also_in_lists() -> None:
    paths = set(list_paths(CONTENT))
    assert {"model.head.loss_box.loss_weight", "pipeline.1.prob", "model.neck.channels.2"} <= paths


def test_values_in_lists_are_set_by_number() -> None:
    content = {"steps": [{"prob": 0.5}, {"prob": 0.1}]}
    set_value(content, "steps.1.prob", 0.3)
    assert content == {"steps": [{"prob": 0.5}, {"prob": 0.3}]}
    for key in ("steps.2.prob", "steps.-1.prob", "steps.first.prob", "steps.0.prob.x"):
        with pytest.raises(KeyError):
            set_value(content, key, 1)


def test_only_a_key_that_is_added_knowingly_is_created() -> None:
    content: dict[str, dict[str, int]] = {"model": {}}
    with pytest.raises(KeyError):
        set_value(content, "model.levels", 5)
    set_value(content, "model.levels", 5, adds=True)
    assert value_at(content, "model.levels") == 5


def test_a_data_set_is_reached_through_what_is_wrapped_around_it() -> None:
    inner = {"type": "CocoDataset", "pipeline": [{"prob": 0.5}]}
    content = {"loader": {"dataset": {"type": "Seeded", "seed": 0, "dataset": inner}}}
    plain = "loader.dataset.pipeline.0.prob"
    assert through_wrappers(content, plain) == "loader.dataset.dataset.pipeline.0.prob"
    for key in ("loader.dataset.seed", "loader.dataset.dataset.type", "loader.dataset.pipe", "x.y"):
        assert through_wrappers(content, key) == key


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("model.head.loss_box.loss_weigth", "model.head.loss_box.loss_weight"),
        ("head.loss_box.loss_weight", "model.head.loss_box.loss_weight"),
        ("model.loss_box.loss_weight", "model.head.loss_box.loss_weight"),
        ("prob", "pipeline.1.prob"),
        ("pipeline.7.prob", "pipeline.1.prob"),
        ("zzzz", None),
    ],
)
def test_the_nearest_path_is_looked_for_in_the_whole_config(key: str, nearest: str | None) -> None:
    assert nearest_path(CONTENT, key) == nearest


def test_an_unknown_key_says_how_far_it_is_right_and_what_is_there() -> None:
    message = unknown_key_problem(CONTENT, "model.nekc.channels")
    assert message.startswith("model.nekc.channels: `model` has no `nekc`;")
    assert "`model.neck.channels`" in message
    assert "it has model, pipeline" in unknown_key_problem(CONTENT, "zzzz")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (5.0, "many"),
        (5.0, True),
        (True, 1),
        ({"type": "L1Loss"}, 3),
        ([1, 2], 5),
        ("bbox", 3),
        (5, {"a": 1}),
        (0.5, ["a", "b"]),
    ],
)
def test_a_kind_of_value_that_cannot_be_meant_is_refused(old: object, new: object) -> None:
    problem = type_problem(old, new)
    assert problem is not None
    assert repr(old) in problem
    assert repr(new) in problem


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (5.0, 2),
        (80, 0.5),
        ("L1Loss", "SmoothL1Loss"),
        (0.0, "auto"),  # log_scale of the contrastive head takes both
        ("auto", 0.0),
        (0.5, [0.3, 0.2]),  # RandomFlip's probabilities
        ({"type": "A"}, [{"type": "A"}, {"type": "B"}]),  # several evaluators
        (None, 3),
        (0.1, None),
    ],
)
def test_a_change_of_kind_that_mmdetection_allows_is_allowed(old: object, new: object) -> None:
    assert type_problem(old, new) is None


def test_yaml_values_take_the_containers_and_numbers_of_the_config() -> None:
    assert fitted((1, 2), [3, 4]) == (3, 4)
    assert fitted([(480, 1333)], [[320, 640]]) == [(320, 640)]
    assert isinstance(fitted(5.0, 2), float)
    assert fitted([1], [2]) == [2]
    assert fitted({"a": (1, 2), "b": 3}, {"a": [3, 4], "c": [5]}) == {"a": (3, 4), "c": [5]}

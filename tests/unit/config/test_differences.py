from train_teacher.config.differences import LEFT_OUT, SET_BY_USER, YOUR_DATA, group_differences
from train_teacher.config.model import Override

OVERRIDES = (
    Override("model.type", "T", "really freezes"),
    Override("model.neck.channels", [1], "architecture", free=True),
    Override("model.neck.outs", 3, "architecture", free=True),
    Override("train_dataloader", {}, "17 images"),
    Override("param_scheduler", [], "warm-up"),
    Override("param_scheduler.0.begin", 0, "set by you", by_user=True, free=True),
    Override("model.weight", 2.0, "set by you", by_user=True, free=True),
)


def reason_of(key: str) -> tuple[str, str]:
    (group,) = group_differences([(key, 1, 2)], OVERRIDES)
    return group.topic, group.reason


def test_a_difference_has_the_reason_of_what_set_it_or_something_above_it() -> None:
    assert reason_of("model.type") == ("model", "really freezes")
    assert reason_of("train_dataloader.batch_size") == ("data", "17 images")
    assert reason_of("env_cfg.x") == ("running and logging", LEFT_OUT)


def test_a_list_that_we_chose_is_not_the_users_because_of_one_value_in_it() -> None:
    assert reason_of("param_scheduler") == ("training", "warm-up")
    assert reason_of("param_scheduler.0.begin") == (SET_BY_USER, "set by you")


def test_the_users_own_data_is_no_change_of_the_recipe() -> None:
    assert reason_of("train_dataloader.dataset.metainfo.classes") == ("data", YOUR_DATA)


def test_what_has_one_reason_stands_together_and_the_users_values_come_first() -> None:
    differences = [
        ("model.type", "A", "T"),
        ("model.neck.channels", [2], [1]),
        ("model.neck.outs", 4, 3),
        ("model.weight", 5.0, 2.0),
    ]
    groups = group_differences(differences, OVERRIDES)
    assert [len(group.differences) for group in groups] == [1, 1, 2]
    assert groups[0].topic == SET_BY_USER

from pathlib import Path
from typing import Any

import pytest

from train_teacher.core.errors import UsageError
from train_teacher.runs.record import plain_settings
from train_teacher.settings import yaml_files
from train_teacher.settings.decided import Decided
from train_teacher.settings.read import read_layers
from train_teacher.settings.schema import TeacherSettings

RUN = {"data": "d.json", "output": "o"}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def settings(
    model: str | None = None, config: Path | None = None, **values: Any
) -> TeacherSettings:
    given = {**RUN, **values}
    return read_layers({**given, "model": model} if model else given, config)


def test_an_own_preset_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    own = write(tmp_path, "own.yaml", "extends: swin-l\narchitecture: {model.num_queries: 300}\n")
    ours, theirs = settings(str(own)), settings("swin-l")
    assert ours.architecture == {**theirs.architecture, "model.num_queries": 300}
    assert (ours.checkpoint, ours.batch_size) == (theirs.checkpoint, theirs.batch_size)


def test_chains_go_over_files_relative_to_each_other(tmp_path: Path) -> None:
    write(tmp_path, "base/first.yaml", "extends: demo\nepochs: 3\ncheckpoint: own.pth\n")
    write(tmp_path, "base/own.pth", "x")
    last = write(tmp_path, "last.yaml", "extends: base/first.yaml\nlr: 1e-3\n")
    merged = settings(str(last))
    assert (merged.epochs, merged.lr, merged.max_per_img) == (3, 1e-3, 40)
    assert merged.checkpoint == str(tmp_path / "base" / "own.pth")


def test_a_circle_is_an_error_that_names_the_files(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "extends: b.yaml\n")
    write(tmp_path, "b.yaml", "extends: c.yaml\n")
    path = write(tmp_path, "c.yaml", "extends: a.yaml\n")
    with pytest.raises(UsageError, match="circle") as caught:
        settings(str(path))
    assert all(name in str(caught.value) for name in ("a.yaml", "b.yaml", "c.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: swin-x\n", "line 1: extends swin-x: no such preset. Did you mean 'swin-"),
        ("lr: 1e-4\nextends: lost.yaml\n", "line 2: extends lost.yaml: there is no such file"),
        ("extends: [demo]\n", "should be the name of a preset"),
        ("extends: demo\nepochz: 3\n", "line 2: 'epochz' is not a setting. Did you mean 'epochs'"),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "own.yaml", text)
    with pytest.raises(UsageError) as caught:
        settings(str(path))
    assert message in str(caught.value)
    assert "own.yaml" in str(caught.value)


def test_what_belongs_to_a_run_is_refused_anywhere_in_a_presets_chain(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", "extends: demo\ndata: d.json\n")
    path = write(tmp_path, "own.yaml", "extends: base.yaml\n")
    with pytest.raises(UsageError, match=r"base\.yaml: data belong to a run"):
        settings(str(path))


def test_a_settings_file_may_extend_too_and_then_names_the_model(tmp_path: Path) -> None:
    path = write(tmp_path, "run.yaml", "extends: swin-b\nepochs: 2\n")
    merged = settings(config=path)
    assert merged.model == "swin-b"
    assert merged.architecture["model.backbone.embed_dims"] == 128
    assert settings("swin-b", path).epochs == 2
    with pytest.raises(UsageError, match="is built on swin-b, and the model asked for is demo"):
        settings("demo", path)


def test_a_settings_file_without_extends_lies_on_its_model(tmp_path: Path) -> None:
    path = write(tmp_path, "run.yaml", "model: demo\nepochs: 2\n")
    assert settings(config=path).max_per_img == 40
    assert settings("swin-l", path).batch_size == 2


def test_a_complete_file_takes_nothing_from_a_preset(tmp_path: Path) -> None:
    path = write(tmp_path, "run.yaml", "extends: null\nmodel: demo\nlr: 1e-4\nchosen: [lr]\n")
    assert settings(config=path).max_per_img == TeacherSettings(**RUN).max_per_img
    with pytest.raises(UsageError, match="is built on demo"):
        settings("swin-t", path)


def test_what_is_given_again_no_longer_counts_as_chosen(tmp_path: Path) -> None:
    text = "extends: null\nmodel: demo\nlr: 1e-4\nepochs: 3\nchosen: [epochs, lr]\n"
    path = write(tmp_path, "run.yaml", text)
    assert settings(config=path, lr=1e-5).decided.chosen == ["epochs"]
    assert settings(config=path, steps=100).decided.chosen == ["lr"]


EARLIER = """\
extends: null
model: demo
tune: lora
lr: 1e-4
epochs: 3
batch_size: 8
fit_batch: true
chosen: [epochs, lr]
auto_reasons:
  model: small data
"""
"""Choices were once stored among the settings."""


def test_a_file_of_an_earlier_version_is_read_as_one_of_today(tmp_path: Path) -> None:
    old = settings(config=write(tmp_path, "old.yaml", EARLIER))
    assert old.decided == Decided(
        chosen=["epochs", "lr"], auto_reasons={"model": "small data"}, fit_batch=True
    )
    today = yaml_files.render_settings({"extends": None, **plain_settings(old)}, "today")
    assert "\ndecided:\n" in today
    assert "\nchosen:" not in today
    assert settings(config=write(tmp_path, "today.yaml", today)) == old


def test_several_passes_in_an_epoch_of_an_earlier_version_are_read_as_epochs(
    tmp_path: Path,
) -> None:
    text = EARLIER.replace("chosen: [epochs", "rounds: 2\nchosen: [rounds, epochs")
    old = settings(config=write(tmp_path, "old.yaml", text))
    assert (old.epochs, old.val_interval) == (6, 2)
    assert old.decided.chosen == ["val_interval", "epochs", "lr"]


def test_what_is_given_over_a_file_of_an_earlier_version_is_no_longer_chosen(
    tmp_path: Path,
) -> None:
    old = write(tmp_path, "old.yaml", EARLIER)
    again = settings(config=old, lr=1e-5, batch_size=2).decided
    assert (again.chosen, again.fit_batch) == (["epochs"], False)
    assert again.auto_reasons == {"model": "small data"}


@pytest.mark.parametrize(
    "text",
    [
        "decided: 3\n",
        "decided:\n",
        "decided: 3\nchosen: [lr]\n",
        "decided: 3\nbatch_size: 2\n",
        "decided: 3\nbatch_size: auto\n",
        "decided: {chosn: [lr]}\n",
        "chosen: 3\n",
    ],
)
def test_a_damaged_record_of_what_was_decided_is_named_once(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "run.yaml", f"extends: demo\n{text}")
    with pytest.raises(UsageError, match=r"run\.yaml.*: decided: ") as caught:
        settings(config=path)
    assert len(str(caught.value).splitlines()) == 1


def test_an_optimizer_of_another_type_replaces_the_arguments(tmp_path: Path) -> None:
    text = "extends: demo\noptimizer: {type: AdamW, betas: [0.9, 0.99]}\n"
    adam = write(tmp_path, "adam.yaml", text)
    more = write(tmp_path, "more.yaml", "extends: adam.yaml\noptimizer: {eps: 1e-6}\n")
    sgd = write(tmp_path, "sgd.yaml", "extends: adam.yaml\noptimizer: {type: SGD}\n")
    assert settings(str(adam)).optimizer["betas"] == [0.9, 0.99]
    assert settings(str(more)).optimizer == {"type": "AdamW", "betas": [0.9, 0.99], "eps": 1e-6}
    assert settings(str(sgd)).optimizer == {"type": "SGD"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "schedule: cosin",
            "not one of multistep, cosine, constant, plateau. Did you mean 'cosine'?",
        ),
        ("schedule: [{type: MultiStepLRR}]", "Did you mean 'MultiStepLR'?"),
        ("augmentation: [{type: RandomFlip, probs: 1}]", "Did you mean 'prob'?"),
        ("augmentation: strong", "'strong' is not one of official, fewshot, flip_only, none"),
        ("optimizer: {type: Adamm}", "Did you mean 'Adam'?"),
    ],
)
def test_a_wrong_recipe_is_an_error_before_anything_starts(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, "own.yaml", f"extends: demo\n{text}\n")
    with pytest.raises(UsageError) as caught:
        settings(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unfreeze_at: 3\ntune: lora", "with --tune lora not everything is ever trained"),
        ("unfreeze_at: 3", "with --tune frozen not everything is ever trained"),
        ("unfreeze_at: 3\ntune: full\nplain: true", "or --plain"),
        ("unfreeze_at: plateau\ntune: full", "Give `schedule: plateau`"),
        ("unfreeze_at: 3\ntune: full\nfreeze: [encoder, backbone]", "none is left to join"),
        ("unfreeze_at: 0\ntune: full", "unfreeze_at: expected int >= 1"),
        ("unfreeze_at: later\ntune: full", "'later' is not one of plateau"),
    ],
)
def test_what_cannot_train_in_two_stages_is_refused_by_name(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, "own.yaml", f"extends: demo\n{text}\n")
    with pytest.raises(UsageError, match="unfreeze_at: ") as caught:
        settings(str(path))
    assert message in str(caught.value)


def test_a_plateau_in_mmengines_terms_will_do(tmp_path: Path) -> None:
    entry = "{type: ReduceOnPlateauLR, monitor: coco/bbox_mAP, rule: greater}"
    text = f"extends: demo\ntune: full\nunfreeze_at: plateau\nschedule: [{entry}]\n"
    assert settings(str(write(tmp_path, "own.yaml", text))).unfreeze_at == "plateau"


def test_a_preset_is_one_layer_for_those_who_want_its_values(tmp_path: Path) -> None:
    path = write(tmp_path, "own.yaml", "extends: swin-b\nlr: 1e-4\n")
    values = yaml_files.read_preset(str(path)).values
    assert values["lr"] == 1e-4
    assert values["checkpoint"].endswith("-f9818a7c.pth")
    assert "extends" not in values

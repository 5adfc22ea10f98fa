import pytest

from train_teacher.core.errors import UsageError
from train_teacher.settings.layers import SettingsLayer, merge_settings

REQUIRED = {"data": "d.json", "output": "exp"}


def layer(**values: object) -> SettingsLayer:
    return SettingsLayer("command line", {**REQUIRED, **values})


def test_the_last_layer_wins() -> None:
    preset = SettingsLayer("preset", {"batch_size": 8, "epochs": 3})
    settings = merge_settings([preset, layer(epochs=5)])
    assert (settings.batch_size, settings.epochs) == (8, 5)


def test_mappings_are_merged_key_by_key() -> None:
    preset = SettingsLayer("preset", {"set": {"a": 1, "b": 2}})
    assert merge_settings([preset, layer(set={"b": 3})]).set == {"a": 1, "b": 3}


def test_epochs_on_the_command_line_replace_steps_of_a_file() -> None:
    settings = merge_settings([SettingsLayer("file", {"steps": 500}), layer(epochs=2)])
    assert (settings.epochs, settings.steps) == (2, None)


def test_every_problem_of_every_layer_is_reported_at_once() -> None:
    file = SettingsLayer("s.yaml", {"bach_size": 4, "lr": "fast"}, {"bach_size": 2, "lr": 3})
    with pytest.raises(UsageError) as caught:
        merge_settings([file, layer(epochs=0, tune="some")])
    message = str(caught.value)
    assert "s.yaml, line 2: 'bach_size' is not a setting. Did you mean 'batch_size'?" in message
    assert "s.yaml, line 3: lr: expected" in message
    assert "command line: epochs: expected" in message
    assert "tune" in message


def test_a_number_is_not_true_and_text_is_not_a_number() -> None:
    with pytest.raises(UsageError, match="batch_size"):
        merge_settings([layer(batch_size=True)])
    with pytest.raises(UsageError, match="batch_size"):
        merge_settings([layer(batch_size="4")])


def test_epochs_and_steps_together_are_refused() -> None:
    with pytest.raises(UsageError, match="both given"):
        merge_settings([layer(epochs=1, steps=1)])


def test_half_precision_on_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a GPU"):
        merge_settings([layer(precision="bf16", device="cpu")])


def test_what_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="--data is missing"):
        merge_settings([])


def test_an_automatic_batch_is_the_presets_in_parts_and_a_number_is_whole() -> None:
    preset = layer(batch_size=8)
    settings = merge_settings([preset, layer(batch_size="auto")])
    assert (settings.batch_size, settings.decided.fit_batch) == (8, True)
    settings = merge_settings([preset, layer(batch_size="auto"), layer(batch_size=2)])
    assert (settings.batch_size, settings.decided.fit_batch) == (2, False)


def test_half_a_character_is_a_wrong_value_as_any_other() -> None:
    with pytest.raises(UsageError, match=r"tune: .*ud800"):
        merge_settings([layer(tune="\ud800")])


@pytest.mark.parametrize("layers", ["auto", 0, 3, 6])
def test_recomputed_layers_are_chosen_or_counted(layers: object) -> None:
    assert merge_settings([layer(checkpoint_layers=layers)]).checkpoint_layers == layers
    with pytest.raises(UsageError, match="checkpoint_layers"):
        merge_settings([layer(checkpoint_layers=-1)])


def test_a_part_cannot_be_frozen_and_get_adapters() -> None:
    with pytest.raises(UsageError, match="backbone is in freeze and in lora_targets"):
        merge_settings([layer(tune="lora", freeze=["backbone"], lora_targets=["backbone"])])


def test_a_key_of_another_tool_is_answered_with_its_name_here() -> None:
    values = {"imgsz": 640, "learning_rate": 1e-4, "freeze": ["encodr"]}
    with pytest.raises(UsageError) as raised:
        merge_settings([SettingsLayer("s.yaml", values)])
    message = str(raised.value)
    assert "'imgsz' is not a setting. The image size is --image-scale" in message
    assert "The peak learning rate is --lr" in message
    assert "'encodr' is not one of" in message


def test_a_scale_that_is_named_replaces_the_scales_of_a_weaker_layer() -> None:
    preset = SettingsLayer(
        "preset", {**REQUIRED, "train_scales": [[160, 160]], "val_scale": [9, 9]}
    )
    settings = merge_settings([preset, SettingsLayer("command line", {"image_scale": 640})])
    assert (settings.train_scales, settings.val_scale) == (None, None)
    assert merge_settings([preset]).train_scales == [[160, 160]]

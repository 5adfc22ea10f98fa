import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.checkpoints.base_identity import BaseIdentity
from train_teacher.mmdet_plugin.checkpoints.files import (
    fill_from_base,
    newest_checkpoint,
    read_checkpoint,
)
from train_teacher.mmdet_plugin.checkpoints.hook import TeacherCheckpointHook
from train_teacher.mmdet_plugin.runner import TeacherRunner

BASE = BaseIdentity("base.pth", "ab" * 32)


class Small(nn.Module):
    """A frozen layer, a trained one, and a normalization whose statistics training changes."""

    def __init__(self, base: BaseIdentity | None = BASE) -> None:
        super().__init__()
        self.base_identity = base
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.trained = nn.Linear(2, 2)
        self.norm = nn.BatchNorm1d(2)
        self.register_buffer("constant", torch.arange(3))


def saved(model: nn.Module, **more: Any) -> dict[str, Any]:
    """Return what the hook leaves of a checkpoint, after a step that changed the statistics."""
    hook = TeacherCheckpointHook()
    runner: Any = SimpleNamespace(model=model)
    hook.before_run(runner)
    model.train()
    model.norm(model.trained(torch.rand(4, 2)))  # type: ignore[operator]
    checkpoint = {"state_dict": dict(model.state_dict()), "meta": {"epoch": 1}, **more}
    hook.before_save_checkpoint(runner, checkpoint)
    return checkpoint


def test_only_what_training_changes_is_kept() -> None:
    checkpoint = saved(Small())
    assert set(checkpoint["state_dict"]) == {
        "trained.weight",
        "trained.bias",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    }
    assert checkpoint["meta"]["base"] == {"name": "base.pth", "sha256": "ab" * 32}


def test_the_averaged_copy_is_filtered_the_same_way() -> None:
    model = Small()
    ema = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    checkpoint = saved(model, ema_state_dict={"steps": torch.tensor(3), **ema})
    names = {f"module.{name}" for name in checkpoint["state_dict"]}
    assert set(checkpoint["ema_state_dict"]) == {"steps", *names}


def test_without_a_base_everything_is_kept() -> None:
    model = Small(base=None)
    assert set(saved(model)["state_dict"]) == set(model.state_dict())


def test_a_slim_checkpoint_is_completed_from_the_model() -> None:
    model, other = Small(), Small()
    other.frozen.load_state_dict(model.frozen.state_dict())
    checkpoint = saved(model)
    fill_from_base(checkpoint, other, Path("last.pth"))
    other.load_state_dict(checkpoint["state_dict"])
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


def test_another_base_is_refused_by_name_and_hash() -> None:
    checkpoint = saved(Small())
    for base, here in ((BaseIdentity("x.pth", "cd" * 32), "x.pth"), (None, "random weights")):
        with pytest.raises(UserError, match=rf"last\.pth.*base\.pth.*{here}"):
            fill_from_base(checkpoint, Small(base), Path("last.pth"))


def test_a_checkpoint_of_other_settings_is_refused() -> None:
    checkpoint = saved(Small())
    more = Small()
    more.frozen.requires_grad_(True)
    with pytest.raises(UserError, match=r"other settings.*frozen\.bias: file absent"):
        fill_from_base(dict(checkpoint), more, Path("last.pth"))
    wider = Small()
    wider.trained = nn.Linear(3, 2)
    with pytest.raises(UserError, match=r"file \(2, 2\), model \(2, 3\)"):
        fill_from_base(dict(checkpoint), wider, Path("last.pth"))


def write(path: Path, epoch: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    torch.save({"state_dict": {"a": torch.rand(500)}, "meta": {"epoch": epoch}}, path)
    return path


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty", "text"])
def test_damage_is_noticed_and_the_file_named(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "last.pth", 1)
    whole = path.read_bytes()
    middle = len(whole) // 2
    content = {
        "cut": whole[:middle],
        "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "empty": b"",
        "text": b"not a checkpoint",
    }[damage]
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"last\.pth"):
        read_checkpoint(path)


def test_other_files_are_not_taken_for_checkpoints(tmp_path: Path) -> None:
    torch.save({"weights": torch.rand(2)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="is not a checkpoint of a run"):
        read_checkpoint(tmp_path / "other.pth")
    with pytest.raises(UserError, match="there is no such checkpoint"):
        read_checkpoint(tmp_path / "absent.pth")


def test_a_damaged_last_checkpoint_is_replaced_by_the_previous_one(tmp_path: Path) -> None:
    told: list[str] = []
    assert newest_checkpoint(tmp_path, told.append) is None
    previous = write(tmp_path / "checkpoints" / "previous.pth", 4)
    last = write(tmp_path / "checkpoints" / "last.pth", 5)
    assert newest_checkpoint(tmp_path, told.append) == last
    assert told == []
    last.write_bytes(last.read_bytes()[:100])
    assert newest_checkpoint(tmp_path, told.append) == previous
    assert "last.pth" in told[0]
    assert "end of epoch 4" in told[0]
    previous.write_bytes(b"")
    with pytest.raises(UserError, match=r"(?s)last\.pth.*previous\.pth.*no older checkpoint"):
        newest_checkpoint(tmp_path, told.append)


def test_the_last_checkpoint_becomes_the_previous_one_and_the_best_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_number(_: Any, folder: str, name: str, number: int) -> None:
        (Path(folder) / name).write_text(str(number))

    monkeypatch.setattr(Runner, "save_checkpoint", write_number)
    runner = TeacherRunner.__new__(TeacherRunner)
    runner.model = Small()
    for number in range(3):
        for name in ("last.pth", "best.pth"):
            runner.save_checkpoint(str(tmp_path), name, number)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        "last.pth": "2",
        "previous.pth": "1",
        "best.pth": "2",
    }


def test_a_full_disk_is_one_message_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(_: Any, folder: str, name: str, **__: Any) -> None:
        (Path(folder) / name).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Runner, "save_checkpoint", fill_the_disk)
    (tmp_path / "last.pth").write_bytes(b"the one before")
    runner = TeacherRunner.__new__(TeacherRunner)
    runner.model = Small()
    with pytest.raises(UserError, match=r"last\.pth: cannot be written: No space left"):
        runner.save_checkpoint(str(tmp_path), "last.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["last.pth"]
    assert (tmp_path / "last.pth").read_bytes() == b"the one before"


def test_spoiled_weights_are_not_written_over_the_checkpoint_before(tmp_path: Path) -> None:
    (tmp_path / "last.pth").write_bytes(b"the one before")
    runner = TeacherRunner.__new__(TeacherRunner)
    runner.model = Small()
    with torch.no_grad():
        runner.model.trained.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match=r"last\.pth: is not written: .* trained\.weight"):
        runner.save_checkpoint(str(tmp_path), "last.pth")
    assert (tmp_path / "last.pth").read_bytes() == b"the one before"


def test_a_last_checkpoint_of_spoiled_weights_is_replaced_by_the_previous_one(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    previous = write(tmp_path / "checkpoints" / "previous.pth", 4)
    last = write(tmp_path / "checkpoints" / "last.pth", 5)
    content = torch.load(last)
    content["state_dict"]["a"][7] = float("inf")
    torch.save(content, last)
    assert newest_checkpoint(tmp_path, told.append) == previous
    assert "last.pth: a in it is NaN or infinite." in told[0]


def test_a_removed_folder_is_not_made_anew(tmp_path: Path) -> None:
    runner = TeacherRunner.__new__(TeacherRunner)
    with pytest.raises(UserError, match=r"last\.pth: cannot be written: the folder .* was removed"):
        runner.save_checkpoint(str(tmp_path / "gone"), "last.pth")
    assert not (tmp_path / "gone").exists()


def test_a_checkpoint_with_code_in_it_is_named_passed_over_and_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (tmp_path / "ran",)

    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save({"state_dict": {}, "meta": {"epoch": 2}, "trap": Trap()}, folder / "last.pth")
    torch.save({"state_dict": {}, "meta": {"epoch": 1}}, folder / "previous.pth")
    told: list[str] = []
    assert newest_checkpoint(tmp_path, told.append) == folder / "previous.pth"
    assert "last.pth: is not a checkpoint of plain tensors" in told[0]
    assert not (tmp_path / "ran").exists()

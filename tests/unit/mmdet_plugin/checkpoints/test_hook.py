import pickle
from pathlib import Path

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from torch import nn

from train_teacher.mmdet_plugin.checkpoints.hook import trust_mmengine_types
from train_teacher.mmdet_plugin.runner import TeacherRunner


@pytest.fixture(autouse=True)
def trusted() -> None:
    trust_mmengine_types()


def test_mmengines_message_hub_loads_with_the_check_on(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    torch.save({"message_hub": {"loss": HistoryBuffer([1.0, 2.0], [1, 1])}}, path)
    buffer = torch.load(path, weights_only=True)["message_hub"]["loss"]
    assert buffer.mean() == 1.5


def test_no_other_attribute_can_be_reached(tmp_path: Path) -> None:
    class Sneaky:
        def __reduce__(self) -> tuple[object, tuple[object, str]]:
            return getattr, (HistoryBuffer, "__init__")

    path = tmp_path / "sneaky.pth"
    torch.save({"x": Sneaky()}, path)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)


def test_a_second_signal_while_a_checkpoint_is_written_leaves_the_one_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Runner, folder: str, name: str) -> None:
        (Path(folder) / name).write_bytes(b"half of it")
        raise KeyboardInterrupt

    (tmp_path / "last.pth").write_bytes(b"the one before")
    monkeypatch.setattr(Runner, "save_checkpoint", interrupted)
    runner = TeacherRunner.__new__(TeacherRunner)
    runner.model = nn.Linear(2, 2)
    with pytest.raises(KeyboardInterrupt):
        runner.save_checkpoint(str(tmp_path), "last.pth")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the one before"]

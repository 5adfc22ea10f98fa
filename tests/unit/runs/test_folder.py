from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.runs import folder as run_folder


def test_a_new_folder_is_free(tmp_path: Path) -> None:
    folder = run_folder.check_free(tmp_path / "exp1")
    assert not folder.root.exists()


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    run_folder.check_free(tmp_path)


def test_a_used_folder_is_refused_and_a_free_name_offered(tmp_path: Path) -> None:
    used = tmp_path / "exp1"
    used.mkdir()
    (used / "notes.txt").write_text("mine")
    (tmp_path / "exp1-2").mkdir()
    with pytest.raises(UserError, match=r"exp1-3"):
        run_folder.check_free(used)
    assert (used / "notes.txt").read_text() == "mine"


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exp1").write_text("")
    with pytest.raises(UserError, match="is a file"):
        run_folder.check_free(tmp_path / "exp1")


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        run_folder.check_free(tmp_path / "file" / "exp1")


def test_a_folder_with_nothing_but_a_left_lock_is_free(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    run_folder.check_free(tmp_path)


def test_temporary_files_and_folders_go_and_the_run_stays(tmp_path: Path) -> None:
    kept = ["checkpoints/last.pth", "data/train.json", "settings.yaml", "20260101_000000/vis.txt"]
    left = [
        "checkpoints/.last.pth.a1.partial",
        "checkpoints/.previous.pth.partial",
        "data/.started_with.json.b2.partial",
        ".adapter.partial/adapter_config.json",
        ".adapter.partial/.teacher.json.c3.partial",
    ]
    for name in (*kept, *left):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "20260102_101010").mkdir()

    run_folder.RunFolder(tmp_path).remove_left_files()

    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == set(kept)
    assert not (tmp_path / "20260102_101010").exists()
    assert not (tmp_path / ".adapter.partial").exists()


def test_the_last_line_of_the_metrics_may_be_cut_off(tmp_path: Path) -> None:
    folder = run_folder.RunFolder(tmp_path)
    folder.metrics.write_text('{"kind": "train", "step": 1, "loss": null}\n{"kind": "tr')

    assert folder.read_metrics() == [{"kind": "train", "step": 1, "loss": None}]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b'{"step": 1}',
        b'{"kind": "val", "step": "1"}',
        b'{"kind": "val", "step": 1, "coco/bbox_mAP": "good"}',
        b'{"kind": "val", "step": 1, "a": {}}',
        b'{"kind": "\xff", "step": 1}',
        b'{"kind": ' + b"[" * 5000,
    ],
)
def test_a_damaged_line_of_the_metrics_is_named_with_its_cure(tmp_path: Path, line: bytes) -> None:
    folder = run_folder.RunFolder(tmp_path)
    folder.metrics.write_bytes(b'{"kind": "train", "step": 1}\n' + line + b"\n")

    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2: .* Remove this line"):
        folder.read_metrics()

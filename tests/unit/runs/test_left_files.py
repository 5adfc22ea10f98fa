"""Half-written files of a killed process go, everything else stays."""

from __future__ import annotations

from pathlib import Path

from train_teacher.runs.left_files import remove_left_files


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

    remove_left_files(tmp_path)

    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == set(kept)
    assert not (tmp_path / "20260102_101010").exists()
    assert not (tmp_path / ".adapter.partial").exists()

"""Annotation file of each split: single files, and the folder layouts exporters write."""

from __future__ import annotations

from pathlib import Path

from train_teacher.core.errors import UserError

ROBOFLOW_FILE = "_annotations.coco.json"
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("valid", "val", "validation"),
    "test": ("test", "testing"),
}
SHOWN_FILES = 5


def discover_splits(
    data: Path | str, val: Path | str | None = None, test: Path | str | None = None
) -> dict[str, Path]:
    """Return the annotation file of each split: always `train`, `val` and `test` where known.

    Args:
        data: a COCO JSON, a folder with `train|valid|test/_annotations.coco.json`, or a folder
            that holds exactly one JSON.
        val: a JSON that replaces what the folder says.
        test: a JSON that replaces what the folder says.

    Raises:
        UserError: a path does not exist, or the folder does not say which file to use.
    """
    path = Path(data)
    splits = _splits_in_folder(path) if path.is_dir() else {"train": path}
    if val is not None:
        splits["val"] = Path(val)
    if test is not None:
        splits["test"] = Path(test)
    ordered = {name: splits[name] for name in SPLIT_FOLDERS if name in splits}
    for file in ordered.values():
        if not file.exists():
            raise UserError(
                f"{file}: F1 there is no such file. Without it there is nothing to train on; "
                "check the path (relative paths start in the current folder)."
            )
    return ordered


def _splits_in_folder(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for split, names in SPLIT_FOLDERS.items():
        for name in names:
            file = _only_json(folder / name)
            if file is not None:
                found[split] = file
                break
    if "train" in found:
        return found
    if found:
        raise UserError(
            f"{folder}: has {_listed(list(found.values()), folder)} but no training part "
            f"(train/{ROBOFLOW_FILE}). Nothing could be trained; give the training JSON itself."
        )
    files = _json_files(folder)
    if len(files) == 1:
        return {"train": files[0]}
    if files:
        raise UserError(
            f"{folder}: holds {len(files)} JSON files ({_listed(files, folder)}), so it is not "
            "clear which one to train on. Give the file itself, and --val and --test for the rest."
        )
    raise UserError(
        f"{folder}: holds no COCO JSON, neither in the folder itself nor as "
        f"train/{ROBOFLOW_FILE}. There is nothing to train on; give the JSON's path."
    )


def _only_json(folder: Path) -> Path | None:
    usual = folder / ROBOFLOW_FILE
    if usual.is_file():
        return usual
    files = _json_files(folder)
    return files[0] if len(files) == 1 else None


def _json_files(folder: Path) -> list[Path]:
    try:
        return sorted(f for f in folder.glob("*.json") if f.is_file())
    except OSError:
        return []


def _listed(files: list[Path], folder: Path) -> str:
    names = [str(f.relative_to(folder)) for f in files[:SHOWN_FILES]]
    return ", ".join(names) + (", ..." if len(files) > SHOWN_FILES else "")

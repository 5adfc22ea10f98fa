from __future__ import annotations

from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.prompts.tokenizer import (
    count_tokens,
    hub_cache,
    missing_files,
    resolve_language_model,
)

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] . red cat ##s dog".split()


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_pieces_are_those_of_the_vocabulary(bert: Path) -> None:
    count = count_tokens(["red cats", "owl", "dog"], bert)

    assert count.exact
    assert count.pieces == (("red", "cat", "##s"), ("[UNK]",), ("dog",))
    assert count.by_class == (3, 1, 1)
    # [CLS] and [SEP], and a full stop behind each class.
    assert count.total == 2 + 3 + 1 + 1 + 3


def test_without_a_vocabulary_tokens_are_estimated_and_pieces_unknown() -> None:
    count = count_tokens(["red cats", "dog"], None)

    assert not count.exact
    assert count.pieces == ((), ())
    assert count.total >= sum(count.by_class) + 3


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        (["vocab.txt"], "vocab.txt"),
        (["config.json"], "config.json"),
        (["config.json", "vocab.txt"], "config.json and vocab.txt"),
        ([], ""),
    ],
)
def test_what_a_folder_lacks_is_named(bert: Path, removed: list[str], told: str) -> None:
    for name in removed:
        (bert / name).unlink()

    assert missing_files(bert) == told
    if told:
        with pytest.raises(UserError, match=f"the folder lacks {told}"):
            resolve_language_model(bert)


@pytest.mark.parametrize("owner", ["google-bert--", ""])
def test_a_name_is_found_in_the_cache_under_either_owner(
    bert: Path, empty_cache: Path, owner: str
) -> None:
    model = empty_cache / f"models--{owner}bert-base-uncased"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0123\n")
    (model / "snapshots").mkdir()
    snapshot = bert.rename(model / "snapshots" / "0123")

    assert resolve_language_model("bert-base-uncased") == snapshot


def test_a_half_downloaded_model_is_not_at_hand(empty_cache: Path) -> None:
    (empty_cache / "models--bert-base-uncased" / "refs").mkdir(parents=True)

    with pytest.raises(UserError, match=r"not in the cache.*\n.*teacher fetch"):
        resolve_language_model("bert-base-uncased")


def test_the_cache_is_where_hugging_face_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", "/somewhere")
    assert hub_cache() == Path("/somewhere/hub")
    monkeypatch.delenv("HF_HOME")
    assert hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"


def test_a_folder_that_lacks_a_file_is_refused_and_never_replaced_by_an_estimate(
    tmp_path: Path,
) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]")

    with pytest.raises(UserError, match=r"lacks config\.json"):
        count_tokens(["cat"], tmp_path)

from __future__ import annotations

from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.checkpoints.base_identity import (
    BaseIdentity,
    identify_base,
    refuse_other_base,
)

BASE = BaseIdentity("base.pth", "ab" * 32)
LAST = Path("last.pth")


def test_the_same_file_under_another_name_is_the_same_base() -> None:
    refuse_other_base(LAST, BASE.to_dict(), BaseIdentity("copy.pth", BASE.sha256))


def test_what_needs_no_base_fits_any() -> None:
    refuse_other_base(LAST, None, None)
    refuse_other_base(LAST, None, BASE)


@pytest.mark.parametrize(
    ("present", "here"),
    [(BaseIdentity("x.pth", "cd" * 32), r"x\.pth \(SHA-256 cdcdcdcdcdcd\)"), (None, "random")],
)
def test_another_base_is_refused_by_name_and_hash(present: BaseIdentity | None, here: str) -> None:
    with pytest.raises(UserError, match=rf"last\.pth.*base\.pth \(SHA-256 abababababab\).*{here}"):
        refuse_other_base(LAST, BASE.to_dict(), present)


def test_an_unchanged_base_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "base.pth"
    path.write_bytes(b"one")
    first = identify_base(path)
    with monkeypatch.context() as context:
        context.setattr(Path, "open", lambda *_: pytest.fail("read again"))
        assert identify_base(path) == first
    path.write_bytes(b"other")
    assert identify_base(path).sha256 != first.sha256
    with pytest.raises(UserError, match=r"gone\.pth: cannot be read"):
        identify_base(tmp_path / "gone.pth")

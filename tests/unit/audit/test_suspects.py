"""A suspect names the image and the label in the user's own file."""

from __future__ import annotations

from audited import NAMES, looked
from train_teacher.audit.suspects import find_suspects


def test_the_planted_errors_are_listed_with_their_own_ids_and_nothing_else() -> None:
    missing, other = sorted(find_suspects([looked()], NAMES, 0.4), key=lambda s: s.image_id)
    assert (missing.kind, missing.image_id, missing.annotation_id) == ("missing", "i1", None)
    assert (missing.found, missing.box, missing.label) == ("cat", (6, 5, 20, 20), None)
    assert (other.kind, other.image_id, other.annotation_id) == ("class", "i2", 1002)
    assert (other.label, other.found, other.label_box) == ("dog", "cat", (7, 5, 20, 20))
    assert min(missing.probability, other.probability) > 0.9


def test_several_files_are_judged_together() -> None:
    twice = find_suspects([looked(), looked()], NAMES, 0.4)
    assert [s.kind for s in twice].count("missing") == 2
    assert find_suspects([], NAMES, 0.4) == []

"""A class has the name that people gave it, whatever the model reads for it."""

from __future__ import annotations

import msgspec

from demo_model import make_info


def test_a_phrase_stands_beside_the_name_and_nowhere_in_its_place() -> None:
    info = msgspec.structs.replace(
        make_info(("masked animal", "cat")), original_names=("raccoon", " cat")
    )
    assert info.own_names == ("raccoon", "cat")
    assert info.phrases == {"raccoon": "masked animal"}
    assert info.told_names == ('raccoon ("masked animal")', "cat")


def test_facts_of_before_names_were_kept_have_those_that_the_model_reads() -> None:
    info = make_info(("cat", "dog"))
    assert info.own_names == info.told_names == ("cat", "dog")
    assert info.phrases == {}

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from coco_factory import category
from inspected_data import data_of, read
from train_teacher.inspection.checks.classes.wording_checks import check_wording
from train_teacher.inspection.facts import Finding
from train_teacher.prompts.caption import class_prompt

Told = Callable[..., list[Finding]]

# The 80 names of COCO: what the model knows best must give no warning.
COCO_NAMES = """
person bicycle car motorcycle airplane bus train truck boat traffic+light fire+hydrant stop+sign
parking+meter bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella
handbag tie suitcase frisbee skis snowboard sports+ball kite baseball+bat baseball+glove skateboard
surfboard tennis+racket bottle wine+glass cup fork knife spoon bowl banana apple sandwich orange
broccoli carrot hot+dog pizza donut cake chair couch potted+plant bed dining+table toilet tv laptop
mouse remote keyboard cell+phone microwave oven toaster sink refrigerator book clock vase scissors
teddy+bear hair+drier toothbrush
""".split()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Check classes of these names; each has so many tokens, or these pieces."""

    def check(*names: str, tokens: int = 1, pieces: Sequence[str] = ()) -> list[Finding]:
        classes = [category(n, name) for n, name in enumerate(names, 1)]
        dataset = read(tmp_path, categories=classes)
        count = len(names)
        return check_wording(data_of(dataset, tokens=[tokens] * count, pieces=[pieces] * count))

    return check


def test_the_names_of_coco_give_no_warning(told: Told) -> None:
    findings = told(*(name.replace("+", " ") for name in COCO_NAMES))

    assert {(f.code, f.severity) for f in findings} <= {("N11", "info")}


@pytest.mark.parametrize(
    ("name", "code", "severity"),
    [
        ("st. bernard", "N4", "warning"),
        ("what?", "N4", "warning"),
        ("crane (bird)", "N5", "warning"),
        ("cls_03", "N6", "warning"),
        ("H1", "N6", "warning"),
        ("0", "N6", "warning"),
        ("class 4", "N6", "warning"),
        ("---", "N6", "warning"),
        ("#!", "N6", "warning"),
        ("trafficLight", "N6", "info"),
        ("cup/mug", "N6", "info"),
        ("каска", "N7", "warning"),
        ("猫", "N7", "warning"),
        ("fire 🔥", "N7", "warning"),
        ("café", "N7", "info"),
        ("v\u00c3\u00a9lo", "N7", "warning"),
        ("v\ufffdlo", "N7", "warning"),
        (" hat", "N8", "warning"),
        ("hard  hat", "N8", "warning"),
        ("hat\n", "N8", "warning"),
        ("ha\u200bt", "N8", "warning"),
        ("a man in a red coat", "N9", "info"),
    ],
)
def test_a_name_has_its_code(told: Told, name: str, code: str, severity: str) -> None:
    (finding,) = told(name, "dog")

    assert (finding.code, finding.severity, finding.ids) == (code, severity, (1,))
    assert class_prompt(name) in finding.fix


@pytest.mark.parametrize("name", ["hard_hat", "t-shirt", "SUV", "tv", "F-16 jet", "x-ray", "."])
def test_ordinary_names_are_left_alone(told: Told, name: str) -> None:
    assert told(name, "dog") == []


@pytest.mark.parametrize("name", ["v\u00c3\u00a9lo", "v\ufffdlo"])
def test_letters_of_a_wrong_encoding_are_told_once_and_with_their_cause(
    told: Told, name: str
) -> None:
    (finding,) = told(name, pieces=["[UNK]"])

    assert "wrong encoding" in finding.message


def test_what_the_vocabulary_lacks_is_n7_and_many_tokens_are_n9(told: Told) -> None:
    (unknown,) = told("dog", pieces=["[UNK]"])
    (foreign,) = told("собака", pieces=["[UNK]"])

    assert (unknown.code, foreign.code) == ("N7", "N7")
    assert "the vocabulary of the language model has no piece for" in unknown.message
    assert "in a script that an English model does not know" in foreign.message
    assert [f.code for f in told("dog", tokens=16)] == ["N9"]


def test_parts_and_plurals_of_other_names_are_one_n11(told: Told) -> None:
    (finding,) = told("car", "car wheel", "box", "boxes", "cart")

    assert (finding.code, finding.count) == ("N11", 2)
    assert '"car" and "car wheel", "box" and "boxes"' in finding.message

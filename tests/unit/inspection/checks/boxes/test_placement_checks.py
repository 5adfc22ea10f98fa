from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from coco_factory import HEIGHT, WIDTH, annotation
from inspected_data import file_of
from train_teacher.coco.dataset import CocoDataset
from train_teacher.inspection.checks.boxes.placement_checks import check_placement
from train_teacher.inspection.facts import Finding

Boxes = Sequence[Sequence[float]]


@pytest.fixture
def found(dataset_of: Callable[..., CocoDataset]) -> Callable[[Boxes], list[Finding]]:
    """Check boxes, one in each of many images."""

    def check(boxes: Boxes) -> list[Finding]:
        images = [
            {"id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT}
            for n in range(len(boxes))
        ]
        records = [annotation(n, n, bbox=[*box], area=99) for n, box in enumerate(boxes)]
        return check_placement(file_of(dataset_of(images=images, annotations=records)))

    return check


def varied(count: int) -> list[tuple[float, float, float, float]]:
    return [(n % 13, n % 11, 20 + n % 7, 10 + n % 5) for n in range(count)]


def test_varied_boxes_give_no_finding(found: Callable[[Boxes], list[Finding]]) -> None:
    assert found(varied(100)) == []


@pytest.mark.parametrize(
    ("box", "words"),
    [((0, 0, WIDTH, HEIGHT), "as large as the image"), ((1, 1, 42, 2), "20 times longer")],
)
def test_extreme_boxes_are_b15(
    found: Callable[[Boxes], list[Finding]], box: Sequence[float], words: str
) -> None:
    (finding,) = found([*varied(10), box])

    assert (finding.code, finding.ids) == ("B15", (10,))
    assert words in finding.message


def test_a_box_of_an_unusual_size_is_b16_where_there_are_enough_to_tell(
    found: Callable[[Boxes], list[Finding]],
) -> None:
    (finding,) = found([*varied(30), (1, 1, 2, 2)])

    assert (finding.code, finding.ids) == ("B16", (30,))
    assert found([*varied(28), (1, 1, 2, 2)]) == []


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (lambda n: (5, 5, 20, 10), "the same place and size"),
        (lambda n: (n % 13, n % 11, 20, 10), "the same size"),
        (lambda n: (5, 5, 20 + n % 7, 10 + n % 5), "the same upper left corner"),
    ],
)
def test_boxes_that_are_mostly_alike_are_b17(
    found: Callable[[Boxes], list[Finding]],
    box: Callable[[int], Sequence[float]],
    words: str,
) -> None:
    alike = [box(n) for n in range(30)]

    (finding,) = found([*alike, *varied(29)])

    assert (finding.code, finding.ids[:30]) == ("B17", tuple(range(30)))
    assert words in finding.message
    assert found([*alike, *varied(60)]) == []


def test_boxes_as_large_as_their_images_are_not_said_to_share_a_corner(
    found: Callable[[Boxes], list[Finding]],
) -> None:
    whole = [(0, 0, WIDTH - n % 2, HEIGHT) for n in range(40)]

    assert "B17" not in {f.code for f in found([*whole, *varied(10)])}

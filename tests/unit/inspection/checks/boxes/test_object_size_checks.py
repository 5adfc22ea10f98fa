from __future__ import annotations

from pathlib import Path

from coco_factory import annotation, image
from inspected_data import data_of, read
from train_teacher.inspection.checks.boxes.object_size_checks import check_object_size


def test_boxes_that_shrink_to_nothing_are_named_by_their_ids(tmp_path: Path) -> None:
    sides = [20, 20, 400]
    boxes = [annotation(n, bbox=[9, 9, s, s], area=s * s) for n, s in enumerate(sides, 1)]
    large = read(tmp_path, images=[image(1, width=6000, height=4000)], annotations=boxes)
    usual = read(tmp_path, images=[image(1, width=600, height=400)], annotations=boxes)

    (finding,) = check_object_size(data_of(large))

    assert (finding.code, finding.section, finding.ids) == ("I8", "annotations", (1, 2))
    assert check_object_size(data_of(usual)) == []

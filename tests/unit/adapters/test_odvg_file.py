from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco_factory import annotation, category, image
from train_teacher.adapters.odvg_file import write_odvg
from train_teacher.domain.errors import UserError

NUMBER = st.floats(-20, 80, allow_nan=False).map(lambda value: round(value, 2))
LENGTH = st.sampled_from([0.5, 0.99, 1.0, 1.01, 7.3, 40.0])
BOXES = st.lists(
    st.builds(
        dict,
        image_id=st.integers(1, 4),
        category_id=st.integers(1, 3),
        bbox=st.tuples(NUMBER, NUMBER, LENGTH, LENGTH).map(list),
        area=st.sampled_from([0, 30]),
        iscrowd=st.sampled_from([0, 0, 0, 1]),
        ignore=st.sampled_from([0, 0, 1]),
    ),
    max_size=12,
)


def seen(dataset: Any) -> list[Any]:
    return [
        (
            Path(info["img_path"]).name,
            info["width"],
            info["height"],
            [
                (box["bbox_label"], [round(side, 6) for side in box["bbox"]])
                for box in info["instances"]
                if not box["ignore_flag"]
            ],
        )
        for info in (dataset.get_data_info(i) for i in range(len(dataset)))
    ]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(boxes=BOXES)
@pytest.mark.usefixtures("mmdet_ready")
def test_mmdet_trains_the_same_images_and_boxes_from_odvg_files_as_from_coco(
    tmp_path: Path, boxes: list[dict[str, Any]]
) -> None:
    from mmdet.datasets import CocoDataset, ODVGDataset

    annotations = [annotation(i, **box) for i, box in enumerate(boxes, 1)]
    names = ("cat", "red car", "dog")
    content = {
        "images": [image(1), image(2), image(3, height=20), image(4)],
        "annotations": annotations,
        "categories": [category(i, name) for i, name in enumerate(names, 1)],
    }
    lines, labels = write_odvg(tmp_path, content)
    copy = tmp_path / "train.json"
    copy.write_bytes(msgspec.json.encode(content))
    common: dict[str, Any] = {
        "data_prefix": {"img": ""},
        "metainfo": {"classes": names},
        "return_classes": True,
        "pipeline": [],
    }
    coco = CocoDataset(ann_file=str(copy), filter_cfg={"min_size": 32}, **common)
    odvg = ODVGDataset(ann_file=str(lines), label_map_file=str(labels), need_text=False, **common)
    assert seen(odvg) == seen(coco)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    content = {"images": [], "annotations": [], "categories": []}
    with pytest.raises(UserError, match="cannot be written"):
        write_odvg(tmp_path / "absent", content)

"""M: masks."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

_UNUSED = (
    "Grounding DINO trains on boxes only, so this matters if the file also serves segmentation."
)

MASK_CODES = {
    "M1": Explanation(
        "Broken polygons",
        f"Fewer than three points, an odd count of numbers, or numbers as text. {_UNUSED} "
        "pycocotools stops on some of them and takes an area of 0 for others.",
        "Draw them again, or remove them. --fix makes numbers of text.",
        "fix",
    ),
    "M2": Explanation(
        "Polygons in the wrong depth of lists",
        f"COCO wants [[x, y, x, y, ...]]: one list of numbers for each part. {_UNUSED}",
        "Correct the export.",
        "fix",
        example='wrong  "segmentation": [5, 5, 50, 5, 50, 50]\n'
        'right  "segmentation": [[5, 5, 50, 5, 50, 50]]',
    ),
    "M3": Explanation(
        "The polygon is elsewhere than the box",
        "They overlap by less than half. One of the two is wrong, and the box is what is trained.",
        "Look at them. If the polygons are right, remove the bbox members.",
    ),
    "M4": Explanation(
        "Polygons without area, outside the image, or crossing themselves",
        "Lines, points, beyond the edge, or an outline that passes over itself. A crossing is "
        "told from how often the outline turns around: once where it crosses nowhere. No mask is "
        "accused wrongly; an outline with an even number of crossings can pass unseen. Small "
        f"slips of the hand are common in COCO itself and do no harm. {_UNUSED}",
        "Draw them again, or leave small loops as they are.",
    ),
    "M5": Explanation(
        "Run lengths that do not fit their image",
        f"size must be [height, width] and the counts must add up to all pixels. {_UNUSED}",
        "Export the masks again; often height and width are swapped.",
    ),
    "M6": Explanation(
        "Polygons marked as crowds",
        "COCO uses iscrowd=1 with run lengths. Training ignores crowds, whatever their mask.",
        "Set iscrowd to 0 where one object is outlined.",
    ),
    "M7": Explanation(
        "Masks that are just boxes, or empty",
        "Nearly all polygons are upright rectangles, or segmentation is an empty list everywhere, "
        "so has_masks is false in the report.",
        "Nothing to do for a detector.",
    ),
    "M8": Explanation(
        "What kind of masks there are",
        "Shown in the line `labels`: how many polygons, of how many points, how many run "
        "lengths. Never a finding.",
        "Nothing to do.",
    ),
}

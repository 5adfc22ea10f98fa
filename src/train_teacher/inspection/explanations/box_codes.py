"""B: boxes."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

BOX_CODES = {
    "B1": Explanation(
        "Boxes without width or height",
        "MMDetection drops them. An error above 5 % of the annotations.",
        "Draw them again, or let them go.",
        "both",
    ),
    "B2": Explanation(
        "Boxes under one pixel",
        "MMDetection drops boxes narrower or lower than a pixel. If nearly all are, the numbers "
        "are not pixels (B3).",
        "Draw them again, or let them go.",
        "fix",
    ),
    "B3": Explanation(
        "Boxes between 0 and 1",
        "They are shares of the image size, as YOLO writes them; COCO wants pixels. Every one is "
        "under a pixel, so MMDetection drops them all.",
        "Multiply x and width by the image width, y and height by its height. YOLO's x and y are "
        "the centre: --fix tells from the numbers whether they are corner and size, two corners, "
        "or centre and size, and leaves them where more than one fits.",
        "fix",
        example='wrong  "bbox": [0.25, 0.5, 0.125, 0.25]   of an image of 640 x 480\n'
        'right  "bbox": [160, 240, 80, 120]',
    ),
    "B4": Explanation(
        "Boxes as x1, y1, x2, y2",
        "COCO wants x, y, width, height. Read so, many boxes leave their image; read as corners, "
        "none does. The model would learn boxes far larger than the objects.",
        "Correct the export. --fix leaves them where they might be boxes around a centre as well.",
        "fix",
        example='wrong  "bbox": [100, 50, 180, 90]\nright  "bbox": [100, 50, 80, 40]',
    ),
    "B5": Explanation(
        "Boxes around a centre, or drawn on smaller copies",
        "x and y may be the centre of the box (YOLO's habit), or the sizes in the JSON may be "
        "those of the originals while the boxes were drawn on reduced copies: then all of them "
        "lie in the upper left. Either way no box fits its object.",
        "Look at a few with --html, and correct the export. --fix turns boxes around a centre "
        "into COCO's; boxes on smaller copies only you can tell.",
        example='wrong  "bbox": [140, 70, 80, 40]   around the centre\n'
        'right  "bbox": [100, 50, 80, 40]',
    ),
    "B6": Explanation(
        "Boxes outside the image",
        "Boxes entirely outside are dropped; the part outside of others is cut off in training. "
        "Two pixels are tolerated: tools count edges differently.",
        "Check that width and height are those of the image that was labelled. --fix cuts and "
        "removes a few such boxes; many of them, or a size that is in doubt, it leaves to you.",
        "fix",
    ),
    "B7": Explanation(
        "Boxes with NaN, infinite or huge numbers",
        "One such box turns the loss into NaN, and the weights with it.",
        "Correct or remove them.",
        "fix",
    ),
    "B8": Explanation(
        "Annotations without a box",
        "MMDetection stops with KeyError: 'bbox'. Where there is a mask, polygons or run "
        "lengths, its bounds are the box.",
        "Add boxes where there is no mask either.",
        "both",
    ),
    "B9": Explanation(
        "Annotations without area",
        "MMDetection and COCO's evaluation stop with KeyError: 'area'.",
        "Nothing to do: the area is filled in.",
        "both",
    ),
    "B10": Explanation(
        "A good box with an area of 0",
        "MMDetection drops every annotation whose area is not above 0, whatever its box.",
        "Nothing to do: the area is filled in.",
        "both",
    ),
    "B11": Explanation(
        "An area that fits neither mask nor box",
        "Area only decides whether an object counts as small, medium or large in the evaluation.",
        "Export again if these figures matter.",
    ),
    "B12": Explanation(
        "Annotations without iscrowd",
        "Training works, but COCO's evaluation stops with KeyError: 'iscrowd'.",
        "Nothing to do: 0 is filled in.",
        "both",
    ),
    "B13": Explanation(
        "Many annotations are crowds",
        "iscrowd=1 marks a group that cannot be told apart; MMDetection neither learns nor "
        "punishes anything there. CVAT sets it on every mask, so nothing would be learned: an "
        "error when all annotations of a class are crowds. About 1 % is normal.",
        "Set iscrowd to 0 where one object is labelled.",
    ),
    "B14": Explanation(
        "Two boxes on the same object",
        "The object weighs double, and one of the two detections counts as false. With two "
        "classes, two answers are asked for at one place.",
        "Remove one; --fix removes exact copies of the same class.",
        "fix",
    ),
    "B15": Explanation(
        "Boxes as large as the image, or very thin",
        "Often right. Random crops may lose thin ones.",
        "Look at a few.",
    ),
    "B16": Explanation(
        "Boxes of an unusual size for their class",
        "Compared with the middle of the class, in robust standard deviations of the logarithm "
        "of the size. Often a slip of the mouse or a wrong class.",
        "Look at them, the worst come first.",
    ),
    "B17": Explanation(
        "More than half of the boxes are alike",
        "The same size, the same upper left corner, or both: how a tool's default box or a failed "
        "conversion looks. The model would learn the habit.",
        "Look at a few images with their boxes.",
    ),
}

"""R: ids and references."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

REFERENCE_CODES = {
    "R1": Explanation(
        "Two images have the same id",
        "pycocotools keeps the last of them, and the boxes of both are piled onto that image. "
        "It usually comes from merging two exports without numbering them anew.",
        "Renumber one of the exports before merging. --fix removes the second of two equal "
        "records, and gives an image its own id where the one between those of its neighbours is "
        "missing and annotations point to it; otherwise only you know which boxes are whose.",
    ),
    "R2": Explanation(
        "Annotation ids repeat or are missing",
        'MMDetection stops with "Annotation ids are not unique", or with a KeyError.',
        "Nothing to do: numbering them anew is always safe.",
        "both",
    ),
    "R3": Explanation(
        "An annotation has the id 0",
        "pycocotools uses 0 for 'not matched': the box with id 0 always counts as missed, and the "
        "right detection of it as false. A perfect result on one box scores AP 0. Roboflow and "
        "others count from 0.",
        "Nothing to do: numbering from 1 is always safe.",
        "both",
    ),
    "R4": Explanation(
        "Two categories have the same id",
        "Their boxes cannot be told apart: all of them are trained as the last.",
        "Give each its own id and correct category_id in its annotations. --fix removes the "
        "second of two equal categories.",
    ),
    "R5": Explanation(
        "Annotations of images that are not listed",
        "MMDetection ignores them. A few are left over when images were deleted; many mean that "
        "the file was cut or the ids were changed.",
        "Add the images, or nothing: they are left out.",
        "both",
    ),
    "R6": Explanation(
        "A category_id that is not defined",
        "MMDetection drops these annotations without a word, and their objects are learned as "
        "background. When all ids are one too low or too high, one of the two lists was counted "
        "from 0 and the other from 1.",
        "Define the category or correct the ids; --fix does so when all are off by one.",
        example="wrong  categories 1 cat, 2 dog   category_id 0 and 1\n"
        "right  categories 1 cat, 2 dog   category_id 1 and 2",
    ),
    "R7": Explanation(
        "A category without annotations",
        "The model reads its name in every caption and never sees an example. Harmless for a few, "
        "costly when the caption is full (N10).",
        "Label some, or remove the category.",
    ),
    "R8": Explanation(
        "Ids with gaps or not starting at 1",
        "Fine: COCO itself has ids 1 to 90 for 80 classes. Never reported.",
        "Nothing to do.",
    ),
    "R9": Explanation(
        "The same file is listed more than once",
        "Each entry is trained on its own, with the boxes of the others as background, and a "
        "split may put one into train and one into val.",
        "Merge the entries.",
        "fix",
    ),
    "R10": Explanation(
        "File names that differ only in case, or only in their folder",
        "On Windows and macOS names that differ in case are one file, so boxes would lie on the "
        "wrong image. Equal names in different folders are fine until a tool puts all files into "
        "one.",
        "Rename one of them if the data set is ever used so.",
    ),
}

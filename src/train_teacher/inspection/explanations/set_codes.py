"""D: the data set as a whole."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

SET_CODES = {
    "D1": Explanation(
        "Counts",
        "Images, boxes and classes for each file, and in how many images each class is: the tables "
        "of the report. Never a finding.",
        "Nothing to do.",
    ),
    "D2": Explanation(
        "Most images have no box",
        "They are trained as images without any object. COCO cannot tell an empty image from "
        "one that nobody has labelled yet, and unlabelled objects teach the model to overlook.",
        "Remove the images that are not labelled yet.",
    ),
    "D3": Explanation(
        "Classes with few examples",
        "Fewer than 10 boxes or 5 images are too little to learn from, and leave next to nothing "
        "for validation. With fewer than ten classes, one that has more than 50 times fewer boxes "
        "than the most frequent is told too: the frequent one rules the loss.",
        "Label more of them. class_balance in train-teacher's YAML settings draws their images "
        "more often.",
    ),
    "D4": Explanation(
        "A long tail",
        "The most frequent of ten classes or more has over 50 times the boxes of the rarest. The "
        "Gini index says how unequal they are: 0 when all have the same, near 1 when one has all.",
        "Label more of the rare classes if they matter as much. train-teacher draws their images "
        "more often (ClassBalancedDataset, the setting class_balance).",
    ),
    "D5": Explanation(
        "Classes missing on one side",
        "A class without boxes in val has no AP; one without boxes in train cannot be learned.",
        "Move labelled images, or let train-teacher split one file: it spreads every class.",
    ),
    "D6": Explanation(
        "Nothing to train, or a single class",
        "An error where there is no class, or no box that MMDetection's loader keeps. A single "
        "class is only mentioned: the model learns nothing to tell it from.",
        "Correct what the other findings name. For a single class, images without it help.",
    ),
    "D7": Explanation(
        "Crowded images",
        "COCO's AP counts the best 100 detections of an image, and the model has 900 queries. "
        "With 150 objects a perfect detector scores 0.66. MMDetection keeps 300 detections "
        "(train-teacher raises that), and trains with 100 denoising queries, or with two for each "
        "object of the fullest image of a batch, which takes memory.",
        "Cut such images into tiles.",
    ),
    "D8": Explanation(
        "The same image in two splits",
        "Equal or nearly equal images, copies augmented from one source, or frames of one "
        "video in train and in val: the model is scored on what it was trained on. A video is "
        "known by a member of the image records (video_id, scene, ...) or by the names; three "
        "frames of it are an error, fewer may be chance. Training is not stopped by it: it is the "
        "scores that are wrong. With --no-images equal names and sizes are a warning. "
        "train-teacher keeps such groups together when it splits a file itself.",
        "Remove them from train, or give one file and let train-teacher split it.",
    ),
    "D9": Explanation(
        "No validation set",
        "Without one nobody knows which epoch was the best. A single file is split by itself.",
        "Give --val, or let a share of train be set aside.",
    ),
    "D10": Explanation(
        "Licence, date and contributor",
        "Shown in the line `exporter`. Never a finding.",
        "Nothing to do.",
    ),
    "D11": Explanation(
        "Probably unlabelled objects",
        "Two folders of images with no class in common: each was probably labelled for its own "
        "classes only. Objects of the other classes in them are learned as background, which "
        "harms more than noise. Also single frames of a video that have hardly a box of a class "
        "where the frames right before and after have four or more.",
        "Label all classes in all images, or train them apart.",
    ),
}

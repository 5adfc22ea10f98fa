"""D: the data set as a whole."""

from __future__ import annotations

from train_teacher.domain.explanations.explanation import Explanation

SET_CODES = {
    "D1": Explanation(
        "Counts",
        "Images, boxes and classes for each file: the tables of the report. Never a finding.",
        "Nothing to do.",
    ),
    "D2": Explanation(
        "Most images have no box",
        "They are trained as pictures without any object. COCO cannot tell an empty picture from "
        "one that nobody has labelled yet, and unlabelled objects teach the model to overlook.",
        "Remove the images that are not labelled yet.",
    ),
    "D3": Explanation(
        "Classes with few examples",
        "Fewer than 10 boxes or 5 images are too little to learn from, and leave next to nothing "
        "for validation.",
        "Label more of them.",
    ),
    "D4": Explanation(
        "A long tail",
        "The most frequent class has more than 50 times the boxes of the rarest.",
        "Label more of the rare classes if they matter as much.",
    ),
    "D5": Explanation(
        "Classes missing on one side",
        "A class without boxes in val has no AP; one without boxes in train cannot be learned.",
        "Move labelled images, or let train-teacher split one file: it spreads every class.",
    ),
    "D6": Explanation(
        "Nothing to train",
        "No class, or no box that MMDetection's loader keeps.",
        "Correct what the other findings name.",
    ),
    "D7": Explanation(
        "Crowded images",
        "COCO's AP counts the best 100 detections of an image, and the model has 900 queries. "
        "With 150 objects a perfect detector scores 0.66.",
        "Cut such pictures into tiles.",
    ),
    "D8": Explanation(
        "The same picture in two splits",
        "Equal or nearly equal pictures, copies augmented from one source, or frames of one "
        "video in train and in val: the model is scored on what it was trained on. train-teacher "
        "keeps such groups together when it splits a file itself.",
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
        "Two folders of pictures with no class in common: each was probably labelled for its own "
        "classes only. Objects of the other classes in them are learned as background, which "
        "harms more than noise.",
        "Label all classes in all pictures, or train them apart.",
    ),
}

"""N: class names, which are the text the model reads."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

_WORDS = 'Give words for it: --class-prompt "NAME=some words".'

NAME_CODES = {
    "N1": Explanation(
        "A class without words",
        "MMDetection removes brackets with their text before the language model reads a name, so "
        '"(misc)" becomes nothing. A class without text crashes the run or gets the score NaN.',
        _WORDS,
    ),
    "N2": Explanation(
        "Two classes read as the same words",
        'After the clean-up of names and in lower case "Hard_Hat" and "hard hat" are one text. '
        "Each is trained as the opposite of the other.",
        "Merge them, or give one other words with --class-prompt.",
    ),
    "N3": Explanation(
        "Two categories have the same name",
        "MMDetection looks ids up by name, finds more ids than classes, and all labels after "
        "them move by one.",
        "Merge them.",
        "fix",
    ),
    "N4": Explanation(
        "A name with a full stop or a question mark",
        "Both end a phrase in the caption: what follows is read as another class.",
        "Nothing to do: a space is written instead. --fix leaves names that would become alike.",
        "both",
    ),
    "N5": Explanation(
        "Text in brackets is not read",
        "Everything from the first opening to the last closing bracket is removed: of "
        '"a (b) cat (c)" the model reads "a".',
        "Write the name without brackets. " + _WORDS,
    ),
    "N6": Explanation(
        "A name that is a code, or words run together",
        '"cls_03" or "H1" says nothing to a language model, and what the pretrained model knows '
        "of the object stays unused; nor do names of signs alone. Underscores are fine: "
        "MMDetection makes spaces of them.",
        _WORDS,
    ),
    "N7": Explanation(
        "Letters that an English model does not know",
        "BERT's vocabulary is English: other alphabets fall apart into letters or become [UNK], "
        "one text for all of them. The same happens to an English word whose pieces a small "
        "vocabulary lacks. Accents are dropped before it reads: that is only mentioned.",
        "Give English words: --class-prompt.",
    ),
    "N8": Explanation(
        "Stray spaces or invisible characters",
        "Two files whose names look the same have different classes.",
        "Nothing to do: names are cleaned.",
        "both",
    ),
    "N9": Explanation(
        "A long name",
        "Grounding DINO was trained on short noun phrases. Long ones fill the caption (N10).",
        "Shorten it with --class-prompt if nothing is lost.",
    ),
    "N10": Explanation(
        "The caption does not fit",
        "The model reads one caption of at most 256 tokens (about 127 one-word classes). With more "
        "classes every image is trained with its own classes and some of the others, and "
        "validated once with each part of them. That is slower; each class still has its text. "
        "MMDetection alone would cut the others off: never trained, scored NaN. A single class "
        "of more than 253 tokens is an error.",
        "Nothing to do. Shorter names (--class-prompt) need fewer parts.",
    ),
    "N11": Explanation(
        "Names that contain each other, or a plural",
        'Where "car" is a word of "car wheel", the text alone does not tell them apart.',
        "Nothing to do if the objects differ; reword otherwise.",
    ),
    "N12": Explanation(
        "A category that is no class",
        "Roboflow adds the project as a root category, labelme a background. Nobody labelled "
        "them. Trained as a class each would be a phrase that is never right. A class named "
        "background, none or objects without a box is left out too, and is a warning: it may "
        "have been meant.",
        "Nothing to do: they are left out.",
        "both",
        example='wrong  {"id": 0, "name": "pets", "supercategory": "none"},\n'
        '       {"id": 1, "name": "cat", "supercategory": "pets"}\n'
        'right  {"id": 1, "name": "cat", "supercategory": "pets"}',
    ),
    "N13": Explanation(
        "Two files list different classes, or in another order",
        "MMDetection gives labels by the order of the list in each file. With another order in "
        'val a right "cat" is scored as a wrong "dog", without any message. Names that differ in '
        "spaces or invisible characters only are taken for the same.",
        "Nothing to do for another order or missing classes: classes are matched by name. "
        "Classes that only val has must be renamed or removed.",
        "copies",
        example="wrong  train 1 cat, 2 dog   val 1 dog, 2 cat\n"
        "right  train 1 cat, 2 dog   val 1 cat, 2 dog",
    ),
}

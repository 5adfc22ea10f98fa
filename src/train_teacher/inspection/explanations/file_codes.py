"""F: the file and the types of its records."""

from __future__ import annotations

from train_teacher.inspection.explanations.explanation import Explanation

FILE_CODES = {
    "F1": Explanation(
        "The file cannot be read",
        "It is missing, empty, cut off, or not JSON. A file that ends in the middle of a record is "
        "nearly always a download or a copy that was interrupted. MMDetection would stop with a "
        "Python traceback from its JSON parser.",
        "Fetch or export it again; the message names the byte and the line.",
    ),
    "F2": Explanation(
        "The text needed a repair to be read",
        "NaN and Infinity, byte order marks, UTF-16, gzip, a comma before a closing bracket, half "
        "a surrogate pair: Python's own parser takes some of these, others refuse the file, and a "
        "NaN that gets into a box turns the loss into NaN.",
        "Nothing to do for training; use --fix if other tools must read the file.",
        "both",
    ),
    "F3": Explanation(
        "It is another format",
        "A list of detections (COCO results), a captions or panoptic file, YOLO, LabelMe, Label "
        "Studio, VIA, Pascal VOC, ... have no boxes that can be trained, or have them elsewhere.",
        "Export the project again as COCO (object detection); the message says where to click.",
    ),
    "F4": Explanation(
        "images, annotations or categories is missing",
        "A COCO data set is one JSON object with these three lists. Without categories the class "
        "names are unknown, without images no box has a place.",
        "Export the data set again as COCO JSON.",
    ),
    "F5": Explanation(
        "A value has the wrong type",
        'Numbers as text ("12"), null, a bbox of three numbers, a polygon that is not a list of '
        "lists. MMDetection stops at the first of them, or compares text with numbers and loses "
        "the record. Every such record is found in one run, with its place in the file.",
        "Correct the export. Values that can be understood are converted, others are read as if "
        "they were absent. Records of which nothing useful is left (no usable id, image_id, "
        "category_id or name) are left out of training, and are an error above 5 %.",
        "both",
        example='wrong  "bbox": ["12", 30, 40, 50]\nright  "bbox": [12, 30, 40, 50]',
    ),
    "F6": Explanation(
        "Annotations with ignore=true",
        "MMDetection skips them, so their objects are trained as background. Other keys that "
        "nothing reads, such as score, do no harm and are mentioned in one line.",
        "Remove the flag where the object should be learned.",
    ),
    "F7": Explanation(
        "An id is text, in one list or in all",
        'image_id "7" and image id 7 are different to Python: the annotation would belong to no '
        "image and be lost without a word. Annotation ids that are text stop COCO's evaluation.",
        "Write both the same way, and number the annotations.",
        "both",
        example='wrong  {"id": 7, "file_name": "a.jpg"}   {"id": 1, "image_id": "7"}\n'
        'right  {"id": 7, "file_name": "a.jpg"}   {"id": 1, "image_id": 7}',
    ),
    "F8": Explanation(
        "Images without width or height",
        "MMDetection stops with KeyError: 'height'. The sizes are read from the image files "
        "where these are found; without a file it is an error.",
        "Point to the images with --images DIR.",
        "both",
    ),
    "F9": Explanation(
        "Images named only by their address, or labelled for some classes only (LVIS)",
        "LVIS files have coco_url and no file_name, on which MMDetection's CocoDataset stops. "
        "LVIS also labels only some classes in each image (neg_category_ids and "
        "not_exhaustive_category_ids say which), so other objects are learned as background.",
        "Nothing to do for the names. Keep the classes that are labelled in every image, or "
        "label the rest.",
        "both",
    ),
    "F10": Explanation(
        "Which program wrote the file",
        "Shown in the line `exporter`, with version, date and licence (D10) as the file states "
        "them. It switches on what is known of that program: Roboflow's root category and ids "
        "from 0, CVAT's iscrowd=1 and rotated boxes, labelme's background class. A finding under "
        "this code is about boxes drawn rotated in CVAT, which COCO cannot express.",
        "Draw rotated objects with an upright box or a polygon.",
    ),
}

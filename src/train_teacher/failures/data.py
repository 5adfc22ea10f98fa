"""Failures of files: images, annotation copies, checkpoints, the language model."""

from __future__ import annotations

import errno

from train_teacher.failures.failure import Failure

IMAGES = r"/(mmcv/transforms|mmcv/image|mmdet/datasets/transforms|mmengine/fileio|PIL|cv2)/"
CHANGED_COPIES = (
    "the run folder's data/ was changed after it was written, or another annotation file was set: "
    "start again into a new --output; inspect-data shows what a file lacks"
)

DATA_FAILURES: tuple[Failure, ...] = (
    Failure(
        code="image-missing",
        types=("FileNotFoundError",),
        place=IMAGES,
        pattern=r"No such file or directory: '(?P<path>[^']+)'",
        what="{path} was there when training began and is gone.",
        consequence="Training stopped at it.",
        cure="put it back (or mount the drive again) and start again; inspect-data DATA.json lists "
        "what is missing",
    ),
    Failure(
        code="image-unreadable",
        types=("AssertionError",),
        pattern=r"failed to load image: (?P<path>.+)",
        what="{path} cannot be decoded.",
        consequence="Training stopped at it.",
        cure="inspect-data DATA.json --deep lists every image like it; save it again, or take it "
        "out of the JSON",
    ),
    Failure(
        code="image-unreadable",
        types=("OSError", "SyntaxError", "ValueError", "error", "AttributeError", "TypeError"),
        place=IMAGES,
        pattern=r"cannot identify image file(?P<path>.*)|image file is truncated|broken (PNG|data)|"
        r"image data of dtype|unrecognized data stream|!buf\.empty|"
        r"'NoneType' object has no attribute 'shape'|decoder error",
        what="an image cannot be decoded{path}.",
        consequence="Training stopped at it.",
        cure="inspect-data DATA.json --deep names every image like it; save it again, or take it "
        "out of the JSON",
    ),
    Failure(
        code="image-huge",
        types=("DecompressionBombError",),
        what="an image has more than 178 million pixels, and Pillow refuses it.",
        consequence="Training stopped at it.",
        cure="cut it into tiles before training: at 1333 pixels nothing small would be left of it",
    ),
    Failure(
        code="annotation-fields",
        types=("KeyError",),
        place=r"/mmdet/datasets/",
        pattern=r"'(?P<field>area|bbox|width|height|iscrowd|file_name|category_id|image_id|"
        r"images|annotations|categories)'",
        what="an annotation file of the run lacks `{field}`.",
        consequence="The data set cannot be read.",
        cure=CHANGED_COPIES,
    ),
    Failure(
        code="annotation-ids",
        types=("AssertionError",),
        pattern=r"Annotation ids in '(?P<path>[^']+)' are not unique",
        what="{path} has the same annotation id twice.",
        consequence="The data set cannot be read.",
        cure=CHANGED_COPIES,
    ),
    Failure(
        code="annotation-json",
        types=("JSONDecodeError",),
        place=r"/(pycocotools|mmdet|mmengine)/",
        what="an annotation file of the run is not JSON any more.",
        consequence="The data set cannot be read.",
        cure=CHANGED_COPIES,
    ),
    Failure(
        code="no-images",
        types=("ValueError",),
        place=r"/mmengine/dataset/",
        pattern=r"need at least one array to concatenate",
        what="no image of the data set is left after filtering.",
        consequence="There is nothing to train on; class names that are not in the JSON do this.",
        cure=CHANGED_COPIES,
    ),
    Failure(
        code="class-lists",
        types=("IndexError",),
        place=r"/mmdet/evaluation/metrics/coco_metric",
        what="the annotation file has fewer classes than the model predicts.",
        consequence="Validation stopped.",
        cure=CHANGED_COPIES,
    ),
    Failure(
        code="checkpoint-pickle",
        types=("UnpicklingError",),
        pattern=r"weights.only",
        what="a checkpoint holds more than plain tensors and is not loaded: it could run code.",
        consequence="Nothing can start from it.",
        cure="take a checkpoint from people you trust and save its weights alone: "
        'torch.save({{"state_dict": model.state_dict()}}, PATH)',
    ),
    Failure(
        code="checkpoint-damaged",
        types=("RuntimeError", "EOFError", "UnpicklingError", "BadZipFile"),
        pattern=r"PytorchStreamReader failed|failed finding central directory|Ran out of input|"
        r"invalid load key|File is not a zip file|pickle data was truncated",
        what="a checkpoint is damaged or cut off.",
        consequence="Nothing can start from it.",
        cure="download or copy it again: `teacher fetch PRESET` for base weights",
    ),
    Failure(
        code="checkpoint-shapes",
        types=("RuntimeError",),
        pattern=r"Error\(s\) in loading state_dict|size mismatch for (?P<tensor>[\w.]+)",
        what="the weights in a checkpoint do not fit the model.",
        consequence="Nothing can start from it.",
        cure="use the --model, the classes and the --set values that it was made with",
    ),
    Failure(
        code="language-model",
        types=("OSError",),
        pattern=r"couldn't connect to|Can't load (tokenizer|config|the model|the configuration)|"
        r"does not appear to have a file named|not a local folder and is not a valid model|"
        r"cannot find the requested files in the (disk|local) cache|Unable to load vocabulary",
        what="the language model's files are not here and could not be downloaded.",
        consequence="Captions cannot be read.",
        cure="`teacher fetch PRESET --to DIR` on a machine with network, then --language-model DIR",
    ),
    Failure(
        code="file-missing",
        types=("FileNotFoundError",),
        errnos=(errno.ENOENT,),
        place=r"/(mmdet|mmengine|mmcv|torch|transformers|pycocotools)/",
        pattern=r"(?P<text>.*)",
        what="a file that the run needs is not there: {text}.",
        consequence="The work stopped.",
        cure="a file of the run folder, the weights or the data was moved: put it back, or start "
        "again into a new --output",
    ),
)

"""Every setting of a run, once: source of the command line, the YAML files and their checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from train_teacher.prompts.tokenizer import LANGUAGE_MODEL
from train_teacher.settings.decided import Decided
from train_teacher.settings.option import DATA, HARDWARE, MODEL, OUTPUT, TRAINING, about
from train_teacher.settings.recipes import AugmentationName, ScheduleName

AUTO = "auto"
"""Of `model` and `recipe`: chosen from the data and the machine."""
Tune = Literal["frozen", "lora", "full"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Device = Literal["auto", "cpu", "cuda"]
FreezablePart = Literal["backbone", "language_model", "neck", "encoder", "decoder"]
Count = Annotated[int, Meta(ge=0)]
PositiveInt = Annotated[int, Meta(ge=1)]
PositiveFloat = Annotated[float, Meta(gt=0)]
ImageScale = Annotated[list[int], Meta(min_length=2, max_length=2)]


class TeacherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a run; a field's description is its help text and its documentation.

    The fields stand under the headings of `train-teacher --help`, in its order.
    """

    # Data
    data: Annotated[
        str,
        about(
            "COCO JSON, or a folder with train/valid/test sub-folders (Roboflow).",
            DATA,
            "DATA.json|FOLDER",
        ),
    ]
    val: Annotated[
        str | None, about("COCO JSON to validate on; without it a part of --data.", DATA, "FILE")
    ] = None
    test: Annotated[str | None, about("COCO JSON kept for the final test.", DATA, "FILE")] = None
    images: Annotated[
        str | None, about("Folder of the images; found automatically when left out.", DATA, "DIR")
    ] = None
    split: Annotated[
        str, about("Shares of train/val/test when --data is one file.", DATA, "0.7/0.15/0.15")
    ] = "0.7/0.15/0.15"
    group_by: Annotated[
        str,
        about(
            "Images that stay in one split: auto (copies, near duplicates, videos, "
            "tiles of one image), none, folder, field:NAME of the image records, regex:PATTERN in "
            "the file name.",
            DATA,
            "RULE",
        ),
    ] = "auto"
    prompts: Annotated[
        dict[str, str],
        about(
            "Phrase the model reads for a class, NAME=PHRASE.",
            DATA,
            "NAME=PHRASE",
            flag="--class-prompt",
        ),
    ] = {}
    tile: Annotated[
        int,
        about("Cut larger images into tiles of this side in pixels; 0: none.", DATA, ge=0),
    ] = 0
    overlap: Annotated[
        float, about("Share of a tile's side that neighbors both show.", DATA, ge=0, le=0.5)
    ] = 0.2
    class_from: Annotated[
        str | None,
        about("Member of the annotations that holds the class: attributes.type.", DATA, "MEMBER"),
    ] = None
    encoding: Annotated[
        str | None,
        about("Encoding of annotation files, if not UTF-8: gb18030, cp1251, ...", DATA, "NAME"),
    ] = None
    exif_orientation: Annotated[
        Literal["apply", "ignore"] | None,
        about("Turn photos as EXIF says; chosen as they were labeled."),
    ] = None
    retain: Annotated[
        str | None,
        about("COCO JSON of other objects, scored before and after: forgetting.", DATA, "FILE"),
    ] = None
    retain_images: Annotated[
        str | None, about("Folder of the images of --retain; found automatically.", DATA, "DIR")
    ] = None
    retain_drop: Annotated[
        float, about("Loss of mAP on --retain that gives a warning.", ge=0, le=1)
    ] = 0.02

    # Model
    model: Annotated[
        str,
        about(
            "Preset: swin-t, swin-b, swin-l, llmdet-swin-t, llmdet-swin-b, llmdet-swin-l, "
            "grounding-dino-swin-t, grounding-dino-swin-b, demo, the path of your own YAML, or "
            "auto: chosen with --tune from the data and the machine.",
            MODEL,
            "PRESET",
        ),
    ] = "swin-t"
    base_config: Annotated[str, about("MMDetection config that the preset starts from.")] = (
        "mm_grounding_dino/grounding_dino_swin-t_finetune_8xb4_20e_cat.py"
    )
    architecture: Annotated[
        dict[str, Any], about("Dotted keys that change the base config's model.")
    ] = {}
    checkpoint: Annotated[
        str | None, about("Meaning of --weights auto: an address, or a file beside the preset.")
    ] = None
    weights: Annotated[
        str,
        about(
            "Base weights: auto, none, a file or an address, of MMDetection or transformers; or "
            "hf://ORG/NAME.",
            MODEL,
            "auto|none|PATH|URL",
        ),
    ] = "auto"
    language_model: Annotated[
        str,
        about("BERT: folder with config.json and vocab.txt, or a cached name.", MODEL, "NAME|DIR"),
    ] = LANGUAGE_MODEL
    tune: Annotated[
        Tune,
        about(
            "frozen: backbone and language model are frozen; "
            "lora: everything is frozen except small adapters; "
            "full: only what --freeze names is frozen.",
            MODEL,
        ),
    ] = "frozen"
    freeze: Annotated[
        list[FreezablePart],
        about("More parts to freeze: backbone, language_model, ...", MODEL, "PART"),
    ] = []
    unfreeze_at: Annotated[
        PositiveInt | Literal["plateau"] | None,
        about(
            "With --tune full, when backbone and encoder join the training: plateau (the rate is "
            "halved for the first time) or the epoch after which they do; from the start."
        ),
    ] = None
    lora_rank: Annotated[PositiveInt, about("Rank of the adapters (--tune lora).", MODEL)] = 16
    lora_alpha: Annotated[
        PositiveInt | None, about("Adapters are scaled by lora_alpha / lora_rank; twice the rank.")
    ] = None
    lora_dropout: Annotated[
        float, about("Dropout before the adapters; 0.05 for tiny sets.", ge=0, lt=1)
    ] = 0.0
    lora_dora: Annotated[bool, about("DoRA: also learn the length of each weight row; slower.")] = (
        False
    )
    lora_rslora: Annotated[
        bool, about("Scale by the square root of the rank; for ranks from 64 on.")
    ] = False
    lora_targets: Annotated[
        list[str],
        about(
            "Modules that get adapters: encoder, text_layers, fusion, decoder (the "
            "default), attention, backbone, language_model, or ends of module names."
        ),
    ] = []
    lora_lr_factor: Annotated[
        PositiveFloat, about("Learning rate of the adapters as a multiple of --lr.")
    ] = 2.0
    denoising_queries: Annotated[
        PositiveInt | None, about("Denoising queries; chosen from the objects in an image.")
    ] = None
    max_per_img: Annotated[
        PositiveInt | None,
        about("Boxes kept per image at validation; chosen from the objects in an image."),
    ] = None

    # Training
    recipe: Annotated[
        str,
        about(
            "Settings to start from: official, fewshot (everything trained, for few boxes), auto: "
            "chosen from the data and the machine, or the path of your own YAML.",
            TRAINING,
            "official|fewshot|auto|PATH",
        ),
    ] = "official"
    seed: Annotated[
        int, about("Seed of the split, the sampling and the model.", TRAINING, ge=0, le=2**31 - 1)
    ] = 0
    epochs: Annotated[
        PositiveInt | None,
        about("Passes over the training images; chosen from their number.", TRAINING),
    ] = None
    steps: Annotated[
        PositiveInt | None,
        about("Optimizer steps instead of --epochs, rounded to epochs.", TRAINING),
    ] = None
    val_interval: Annotated[
        PositiveInt | None,
        about("Epochs between two validations; chosen: at most 20, or 100 with schedule: plateau."),
    ] = None
    batch_size: Annotated[
        int,
        about(
            "Images per optimizer step; auto: the preset's, in parts that a GPU holds.",
            TRAINING,
            "N|auto",
            ge=1,
        ),
    ] = 4
    accumulation: Annotated[
        PositiveInt | None,
        about("Batches of an optimizer step; chosen so that it sees about 8 images."),
    ] = None
    effective_batch: Annotated[
        PositiveInt | None, about("Images of an optimizer step, from which accumulation is chosen.")
    ] = None
    lr: Annotated[
        PositiveFloat | None,
        about("Peak learning rate; default by the square-root rule for the batch size.", TRAINING),
    ] = None
    backbone_lr_factor: Annotated[
        float, about("Backbone learning rate as a share of --lr (--tune full).", ge=0)
    ] = 0.1
    language_model_lr_factor: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        about("BERT's learning rate as a share of --lr (--tune full); as backbone_lr_factor."),
    ] = None
    weight_decay: Annotated[float, about("Weight decay.", ge=0)] = 1e-4
    optimizer: Annotated[
        dict[str, Any],
        about("Optimizer, `type` and arguments; lr and weight_decay are settings of their own."),
    ] = msgspec.field(default_factory=lambda: {"type": "AdamW"})
    schedule: Annotated[
        ScheduleName | list[dict[str, Any]],
        about(
            "Learning rate over time: multistep (one drop), cosine, constant, plateau (halved "
            "when the validation's mAP rises no more), each after a warm-up; or a list of "
            "MMEngine's own param_scheduler entries."
        ),
    ] = "multistep"
    clip_grad: Annotated[float, about("Largest gradient norm.", gt=0)] = 0.1
    early_stopping: Annotated[
        Count | None, about("Validations without gain after which the run ends; 0: never.")
    ] = None
    class_balance: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        about("Classes in a smaller share of the images are drawn more often; 0: none."),
    ] = None
    negatives: Annotated[
        Count | list[str],
        about(
            "Negatives in training prompts: a number of absent classes beside the image's own (0: "
            "all of them), or words for objects that no image shows, beside all classes."
        ),
    ] = 0
    image_scale: Annotated[
        Annotated[int, Meta(ge=32, le=4096)] | Literal["recipe", "native"],
        about(
            "Image sizes: recipe (short side 480 to 800, larger for small objects), native "
            "(no larger than the images: quicker), or one short side in pixels.",
            TRAINING,
            "recipe|native|N",
        ),
    ] = "recipe"
    train_scales: Annotated[
        Annotated[list[ImageScale], Meta(min_length=1)] | None,
        about("Image sizes to draw from in training, [short, long]; from image_scale."),
    ] = None
    augmentation: Annotated[
        AugmentationName | list[dict[str, Any]],
        about(
            "official (flip, crop), fewshot (colors, flip, MixUp for some), flip_only, none, or "
            "a list of MMDetection's transforms that stand between loading and resizing."
        ),
    ] = "official"
    random_crop: Annotated[
        bool, about("The crop of augmentation: official, for half of the training images.")
    ] = True
    val_scale: Annotated[
        ImageScale | None,
        about("Image size for validation, [short, long]; the largest of training."),
    ] = None
    validation_resize: Annotated[
        Literal["cv2", "pillow"],
        about(
            "Library that reads and resizes images at validation: cv2 as in training, "
            "or pillow, slower, as for the published scores."
        ),
    ] = "cv2"
    evaluate_before: Annotated[
        bool, about("Validate the base weights first, to see what training gained.")
    ] = True
    plain: Annotated[
        bool,
        about(
            "Train with types of MMDetection, MMEngine and mmcv only: the recipe's freezing, no "
            "LoRA, no exact resume.",
            TRAINING,
        ),
    ] = False
    set: Annotated[
        dict[str, Any],
        about("Dotted keys of the generated config, set last.", TRAINING, "DOTTED.KEY=VALUE"),
    ] = {}
    mmdet_config: Annotated[
        str | None,
        about(
            "Config written or printed by train-teacher that you edited: it is run as Python "
            "and trained as it is.",
            TRAINING,
            "FILE",
        ),
    ] = None
    edited: Annotated[
        dict[str, str],
        about("Changes of that file beyond settings, as Python literals; written for a repeat."),
    ] = {}

    # Hardware
    precision: Annotated[
        Precision,
        about(
            "Number format: auto is bf16 on a GPU that has it, fp16 on V100 and T4, else fp32, "
            "whose matrix products are TF32 on Ampere and later.",
            HARDWARE,
        ),
    ] = "auto"
    device: Annotated[Device, about("auto uses a GPU when there is one.", HARDWARE)] = "auto"
    gpus: Annotated[
        int, about("Training processes, one for each GPU (torchrun).", HARDWARE, ge=1, le=64)
    ] = 1
    workers: Annotated[
        Count | None, about("Data loading processes; chosen from cores and images.")
    ] = None
    val_batch_size: Annotated[
        PositiveInt | None, about("Images of one size validated at once; chosen from the device.")
    ] = None
    accelerated: Annotated[
        bool,
        about(
            "Replace modules of MMDetection by faster ones that compute the same; false: "
            "its own modules, with our freezing, LoRA and checkpoints."
        ),
    ] = True
    checkpoint_layers: Annotated[
        Literal["auto"] | Count,
        about("Encoder layers recomputed to save memory: a number, or auto (the fewest that fit)."),
    ] = "auto"
    preflight: Annotated[
        bool, about("Try a step, a validation image and the disk before training; undo it.")
    ] = True

    # Output
    output: Annotated[str, about("Run folder to create; a used one is refused.", OUTPUT, "DIR")]
    tensorboard: Annotated[
        bool, about("Also log to TensorBoard, in RUN/vis_data (extra: tensorboard).", OUTPUT)
    ] = False
    wandb: Annotated[
        str | None,
        about("Also log to this Weights & Biases project (extra: wandb).", OUTPUT, "PROJECT"),
    ] = None
    decided: Annotated[Decided, about("Choices of train-teacher; written for a repeat.")] = (
        Decided()
    )

    @property
    def modules(self) -> str:
        """Return the modules in use: `plain`, `own modules` or `accelerated`."""
        if self.plain:
            return "plain"
        return "accelerated" if self.accelerated else "own modules"


FIELD_TYPES: Mapping[str, Any] = get_type_hints(TeacherSettings, include_extras=True)
REQUIRED = ("data", "output")
# A preset describes a model; where the data lies and where the run goes is the user's.
RUN_ONLY = frozenset(
    {"data", "output", "val", "test", "images", "model", "recipe", "retain", "retain_images"}
)

"""Failures of model, configuration and training step."""

from __future__ import annotations

from train_teacher.failures.failure import Failure

NOT_FINITE = (
    r"matrix contains invalid numeric entries|loss (became|become|is) "
    r"(infinite|nan|not finite)|contains (nan|non-finite)|returned nan values|"
    r"scores must not be nan"
)
"""How the libraries name a number that is none."""

MODEL_FAILURES: tuple[Failure, ...] = (
    Failure(
        code="loss-not-finite",
        types=("ValueError", "AssertionError", "FloatingPointError", "RuntimeError"),
        pattern=NOT_FINITE,
        what="the loss became infinite or not a number.",
        consequence="Training stopped: every weight after it would be lost. best.pth is kept.",
        cure="a smaller --lr, or --precision fp32 (bf16 before fp16); inspect-data DATA.json finds "
        "boxes that cannot be learned",
    ),
    Failure(
        code="too-few-positions",
        types=("RuntimeError",),
        pattern=r"selected index k out of range",
        what="an image has fewer positions than the model asks questions (900 for swin-t).",
        consequence="Training or validation stopped at the first small image.",
        cure="larger `train_scales` and `val_scale` in a --config file (from about 208 x 208 "
        "pixels on), or fewer questions: --set model.num_queries=300",
    ),
    Failure(
        code="too-many-tokens",
        types=("RuntimeError", "AssertionError"),
        place=r"/mmdet/models/(dense_heads/grounding_dino_head|language_models/bert)",
        pattern=r"max_text_len|max_tokens|expanded size of the tensor",
        what="the class names have more tokens than the model's text length (max_text_len).",
        consequence="Training or validation stopped; the classes at the end would have no text.",
        cure="shorter phrases with --class-prompt, or take back the --set of max_text_len or "
        "max_tokens; inspect-data DATA.json counts the tokens",
    ),
    Failure(
        code="registry",
        types=("KeyError",),
        pattern=r"(?P<name>\w+) is not in the (?P<registry>\S+) registry",
        what="the configuration names {name}, which MMDetection does not know ({registry}).",
        consequence="Nothing can be built from it.",
        cure="correct the name in --set or in the preset; a class of your own must be named in "
        "`custom_imports`",
    ),
    Failure(
        code="configuration-value",
        types=("TypeError",),
        place=r"/mmengine/registry/",
        pattern=r"(?P<call>\S+) got an unexpected keyword argument '(?P<key>\w+)'",
        what="the configuration gives `{key}` to a part that does not know it ({call}).",
        consequence="Nothing can be built from it.",
        cure="take it out of --set or the preset; --dry-run shows the whole configuration",
    ),
    Failure(
        code="loader-options",
        types=("ValueError",),
        pattern=r"(?P<option>persistent_workers|prefetch_factor|multiprocessing_context|timeout) "
        r"option (needs|could only be)",
        what="the data loader's {option} was set, and it has no processes of its own.",
        consequence="Training cannot start.",
        cure="set it together with num_workers, or set `workers` in a --config file instead",
    ),
    Failure(
        code="nothing-to-train",
        types=("RuntimeError", "ValueError"),
        pattern=r"does not require grad and does not have a grad_fn|"
        r"optimizer got an empty parameter list|None of the inputs have requires_grad",
        what="nothing is left that could learn: every part that the loss depends on is frozen.",
        consequence="Training cannot start.",
        cure="name fewer parts with --freeze",
    ),
    Failure(
        code="unused-parameters",
        types=("RuntimeError",),
        pattern=r"Expected to have finished reduction in the prior iteration",
        what="in distributed training some trainable weights got no gradient.",
        consequence="The processes would wait for each other for ever.",
        cure="--set find_unused_parameters=true, or --freeze the part that is not used",
    ),
    Failure(
        code="ready-twice",
        types=("RuntimeError",),
        pattern=r"marked (a variable )?(as )?ready (twice|only once)|mark a variable ready only",
        what="activation checkpointing and find_unused_parameters do not go together.",
        consequence="Distributed training stopped at the first step.",
        cure="take back the --set of with_cp, num_cp or find_unused_parameters",
    ),
    Failure(
        code="number-format",
        types=("RuntimeError", "NotImplementedError"),
        pattern=r"(not implemented for '|Low precision dtypes not supported. Got )"
        r"(c10::)?(?P<format>BFloat16|Half)",
        what="an operation cannot compute in the number format {format}.",
        consequence="Training stopped at the first step.",
        cure="--precision fp32, or bf16 instead of fp16",
    ),
)

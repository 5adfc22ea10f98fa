"""Failures of the installed software: versions that do not fit, missing or damaged packages."""

from __future__ import annotations

from train_teacher.failures.failure import Failure

IMPORTS = ("ImportError", "AttributeError")

SOFTWARE_FAILURES: tuple[Failure, ...] = (
    Failure(
        code="mmcv-version",
        types=("AssertionError",),
        pattern=r"MMCV==(?P<version>\S+) is used but incompatible",
        what="mmcv {version} is installed, which MMDetection 3.3 refuses.",
        consequence="Nothing can be trained.",
        cure='pip uninstall -y mmcv mmcv-full mmcv-lite && pip install "mmcv-lite==2.1.0"',
    ),
    Failure(
        code="mmengine-version",
        types=("AssertionError",),
        pattern=r"MMEngine==(?P<version>\S+) is used but incompatible",
        what="MMEngine {version} is installed, which MMDetection 3.3 refuses.",
        consequence="Nothing can be trained.",
        cure='pip install "mmengine==0.10.7"',
    ),
    Failure(
        code="setuptools",
        types=("ModuleNotFoundError",),
        pattern=r"No module named 'pkg_resources'",
        what="setuptools is too new: MMEngine imports pkg_resources, which it no longer has.",
        consequence="Nothing can be trained.",
        cure='pip install "setuptools>=68,<81"',
    ),
    Failure(
        code="mmcv-ops",
        types=IMPORTS,
        pattern=r"No module named 'mmcv\._ext'|mmcv/_ext\S*\.so.*undefined symbol|"
        r"module 'mmcv(\._ext)?' has no attribute",
        what="mmcv's compiled ops are missing or belong to another PyTorch.",
        consequence="Code that was started without train-teacher's plugin cannot be imported.",
        cure="pip uninstall -y mmcv mmcv-lite && pip install mmcv-lite==2.1.0 (no compiler "
        "needed), or scripts/build_mmcv.sh",
    ),
    Failure(
        code="mmcv-ops",
        types=("RuntimeError",),
        pattern=r"mmcv op '(?P<op>\w+)' needs a compiled mmcv",
        what="the model uses {op} of mmcv, which only a compiled mmcv has.",
        consequence="Grounding DINO does not need it; something set in this run does.",
        cure="scripts/build_mmcv.sh, or take back the --set that brought it in",
    ),
    Failure(
        code="fairscale",
        types=("NotImplementedError",),
        pattern=r"install fairscale",
        what="activation checkpointing of the encoder (`model.encoder.num_cp`) needs fairscale.",
        consequence="The model cannot be built.",
        cure="take the --set of num_cp back, or pip install fairscale",
    ),
    Failure(
        code="nltk",
        types=("RuntimeError", "LookupError"),
        pattern=r"nltk is not installed|Resource \S*(punkt|averaged_perceptron_tagger)",
        what="a caption was given as a sentence, and MMDetection looks for nouns in it with nltk.",
        consequence="train-teacher never does this; a changed mmdet_config.py does.",
        cure="keep `custom_entities` True, or give class names instead of a sentence",
    ),
    Failure(
        code="numpy-version",
        types=("AttributeError",),
        pattern=r"module 'numpy' has no attribute|was removed in the NumPy 2",
        what="a package does not fit the installed numpy.",
        consequence="The work stopped.",
        cure='pip install "numpy>=2,<3"; `teacher doctor` shows what else does not fit',
    ),
    Failure(
        code="numpy-version",
        types=("ImportError", "ValueError", "RuntimeError"),
        pattern=r"numpy\.core\.multiarray failed|_ARRAY_API not found|numpy\.dtype size changed|"
        r"compiled using NumPy 1|Numpy is not available",
        what="a compiled package was built for another numpy.",
        consequence="It cannot exchange arrays with numpy.",
        cure="pip install --upgrade pycocotools opencv-python; `teacher doctor` shows what else "
        "does not fit",
    ),
    Failure(
        code="opencv-libraries",
        types=("ImportError",),
        pattern=r"(?P<library>lib(GL|gthread|SM|Xext|Xrender)\S*): cannot open shared object",
        what="opencv needs the system library {library}, which is not installed.",
        consequence="Images cannot be read.",
        cure="apt install libgl1 libglib2.0-0, or pip uninstall -y opencv-python && pip install "
        "opencv-python-headless",
    ),
    Failure(
        code="transformers-version",
        types=IMPORTS,
        pattern=r"from 'transformers|module 'transformers|get_head_mask|"
        r"get_extended_attention_mask",
        what="the installed transformers lacks a part that MMDetection's BERT uses.",
        consequence="The language model cannot be built or run.",
        cure='pip install "transformers>=4.57,<4.58"',
    ),
    Failure(
        code="package-missing",
        types=("ModuleNotFoundError",),
        pattern=r"No module named '(?P<package>torch|torchvision|mmdet|mmengine|mmcv|transformers|"
        r"tokenizers|numpy|cv2|PIL|pycocotools|matplotlib|scipy|shapely|terminaltables|six|tqdm|"
        r"yaml|requests|msgspec|packaging|rich|peft|tensorboard|huggingface_hub|safetensors)\b",
        what="the package {package} is not installed.",
        consequence="The command cannot start.",
        cure="`teacher doctor` gives the exact pip line",
    ),
    Failure(
        code="package-damaged",
        types=("ImportError",),
        pattern=r"cannot import name '(?P<name>\w+)' from '(?P<package>(torch|mmdet|mmengine|mmcv|"
        r"numpy|tokenizers|huggingface_hub|pycocotools)[\w.]*)'",
        what="{package} has no {name}: its version does not fit the others.",
        consequence="The command cannot start.",
        cure="`teacher doctor` gives the exact pip line",
    ),
    Failure(
        code="package-damaged",
        types=("ImportError", "OSError"),
        pattern=r"(?P<library>\S+\.so\S*): (undefined symbol|cannot open shared object file|"
        r"version `\S+' not found)",
        what="a compiled package does not fit this machine or its neighbours: {library}.",
        consequence="The command cannot start.",
        cure="`teacher doctor` shows which one; scripts/setup.sh makes an environment that works",
    ),
)

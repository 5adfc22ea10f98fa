"""Masks for boxes, made by a Segment Anything model of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from train_teacher.core.arrays import Boxes
from train_teacher.core.errors import UserError
from train_teacher.core.network import offline_switch

if TYPE_CHECKING:
    from PIL.Image import Image

BOXES_AT_ONCE = 64
"""Boxes that go through the mask decoder together: memory does not grow with their number."""
ANSWER_SECONDS = 20
NEEDED = ("config.json", "preprocessor_config.json", "model.safetensors")


class SamMasks:
    """A SAM or SAM 2 model, loaded once."""

    def __init__(self, name: str, device: str) -> None:
        """Load a folder, or what Hugging Face has by a name such as facebook/sam-vit-base.

        Raises:
            UserError: it cannot be loaded.
        """
        import torch
        from transformers import AutoModelForMaskGeneration, AutoProcessor

        try:
            folder = _folder_of(name)
            self._processor: Any = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
            model: Any = AutoModelForMaskGeneration.from_pretrained(folder, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"--masks {name}: no SAM model could be loaded ({reason[:200]}). Give a folder "
                "with config.json, preprocessor_config.json and model.safetensors, such as a "
                "download of facebook/sam-vit-base."
            ) from error
        cuda = torch.cuda.is_available() and device != "cpu"
        self._device = "cuda" if cuda else "cpu"
        self._model = model.to(self._device).eval()

    def segment(self, path: Path, boxes: Boxes, *, turned: bool = True) -> list[dict[str, Any]]:
        """Return a mask for every box.

        Args:
            path: of the image.
            boxes: (K, 4) xyxy, pixels.
            turned: whether the boxes are of the photo as EXIF turns it.

        Returns:
            K run lengths as COCO writes them: `size` [height, width] and `counts`.

        Raises:
            UserError: the image cannot be read.
        """
        if not len(boxes):
            return []
        image = _read(path, turned=turned)
        masks: list[dict[str, Any]] = []
        for start in range(0, len(boxes), BOXES_AT_ONCE):
            masks += self._segment(image, boxes[start : start + BOXES_AT_ONCE])
        return masks

    def _segment(self, image: Image, boxes: Boxes) -> list[dict[str, Any]]:
        import torch
        from pycocotools import mask as run_lengths

        inputs = self._processor(
            images=image, input_boxes=[boxes.tolist()], return_tensors="pt"
        ).to(self._device)
        with torch.no_grad():
            outputs = self._model(**inputs, multimask_output=False)
        sizes = [inputs["original_sizes"].cpu()]
        if "reshaped_input_sizes" in inputs:
            sizes.append(inputs["reshaped_input_sizes"].cpu())
        whole = self._processor.post_process_masks(outputs.pred_masks.cpu(), *sizes)[0]
        found = []
        for mask in whole[:, 0].numpy().astype(np.uint8):
            coded = run_lengths.encode(np.asfortranarray(mask))
            found.append({"size": coded["size"], "counts": coded["counts"].decode("ascii")})
        return found


def _folder_of(name: str) -> str:
    """Return the folder of a model: given, in Hugging Face's cache, or downloaded to it.

    Raises:
        OSError: it does not exist, or the server does not answer.
    """
    if Path(name).is_dir():
        return name
    import requests
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        cached = snapshot_download(name, local_files_only=True)
        if all((Path(cached) / file).is_file() for file in NEEDED):
            return cached
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    switch = offline_switch()
    if switch:
        raise OSError(f"it is not in the cache, and {switch} forbids to download it")
    try:
        # One question with a limit: each file by itself would be asked for six times.
        HfApi().model_info(name, timeout=ANSWER_SECONDS)
        return snapshot_download(name, allow_patterns=["*.json", "*.safetensors"])
    except (requests.ConnectionError, requests.Timeout) as error:
        raise OSError("it is not in the cache, and Hugging Face does not answer") from error
    except HfHubHTTPError as error:
        raise OSError(str(error)) from error


def _read(path: Path, *, turned: bool) -> Image:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image) if turned else image
            return upright.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path}: the image cannot be read ({error}).") from error

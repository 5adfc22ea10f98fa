"""BERT built from a local folder: never online, weights only where they are wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mmdet.models.language_models.bert import BertEncoder, BertModel
from mmdet.registry import MODELS
from mmengine.model import BaseModel
from torch import nn
from transformers import AutoTokenizer, BertConfig
from transformers import BertModel as HuggingFaceBert

from train_teacher.domain.errors import UserError

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


class ConfiguredBertEncoder(BertEncoder):
    """mmdet's BertEncoder on a BERT that was already built."""

    def __init__(self, model: HuggingFaceBert, num_layers_of_embedded: int) -> None:
        """Take the model as it is; mmdet's own constructor would download one."""
        nn.Module.__init__(self)
        self.model = model
        self.language_dim = model.config.hidden_size
        self.num_layers_of_embedded = num_layers_of_embedded


@MODELS.register_module()
class ConfiguredBertModel(BertModel):
    """mmdet's BertModel with the same parameters' names, built from a folder's config.json.

    The published Grounding DINO checkpoints contain BERT's weights, so its own are read only when
    there is no such checkpoint.

    Args:
        name: folder with config.json and the vocabulary.
        max_tokens: captions are cut there.
        pad_to_max: pad every caption to `max_tokens`.
        use_sub_sentence_represent: keep the phrases of a caption apart (Grounding DINO, 3.3).
        special_tokens_list: tokens that end a phrase.
        add_pooling_layer: as in BERT; Grounding DINO has none.
        num_layers_of_embedded: last layers that are averaged.
        use_checkpoint: gradient checkpointing.
        own_weights: whether to read the folder's own weights: `never`, `if_present` or `required`.
    """

    def __init__(
        self,
        name: str,
        max_tokens: int = 256,
        pad_to_max: bool = True,
        use_sub_sentence_represent: bool = False,
        special_tokens_list: Sequence[str] | None = None,
        add_pooling_layer: bool = False,
        num_layers_of_embedded: int = 1,
        use_checkpoint: bool = False,
        own_weights: Literal["never", "if_present", "required"] = "never",
    ) -> None:
        """Build tokenizer and encoder from local files.

        Raises:
            UserError: weights are required and the folder has none.
        """
        BaseModel.__init__(self)
        self.max_tokens = max_tokens
        self.pad_to_max = pad_to_max
        self.tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
        bert = _build_bert(Path(name), add_pooling_layer, own_weights)
        if use_checkpoint:
            bert.gradient_checkpointing_enable()
        encoder = ConfiguredBertEncoder(bert, num_layers_of_embedded)
        self.language_backbone = nn.Sequential(OrderedDict([("body", encoder)]))
        self.use_sub_sentence_represent = use_sub_sentence_represent
        if use_sub_sentence_represent:
            self.special_tokens = self.tokenizer.convert_tokens_to_ids(
                list(special_tokens_list or ("[CLS]", "[SEP]", ".", "?"))
            )


def _build_bert(folder: Path, add_pooling_layer: bool, own_weights: str) -> HuggingFaceBert:
    config = BertConfig.from_pretrained(folder, local_files_only=True)
    present = any((folder / name).is_file() for name in WEIGHT_FILES)
    if own_weights == "never" or (own_weights == "if_present" and not present):
        return HuggingFaceBert(config, add_pooling_layer=add_pooling_layer)
    if not present:
        raise UserError(
            f"--language-model {folder}: has no weights ({' or '.join(WEIGHT_FILES)}), and with "
            "--weights none they come from nowhere else: random weights would read the text. "
            "Add the file, give --weights, or train it with --tune full."
        )
    return HuggingFaceBert.from_pretrained(
        folder, config=config, add_pooling_layer=add_pooling_layer, local_files_only=True
    )

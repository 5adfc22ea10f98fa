"""Write the demo's language model: the config of a tiny BERT and its WordPiece vocabulary.

python scripts/make_demo_language_model.py configs/demo/language_model
"""

from __future__ import annotations

import argparse
import json
import string
from itertools import chain
from pathlib import Path

SPECIAL = ["[PAD]", "[UNK]", "[MASK]"]
DELIMITERS = {101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
"""BERT's own places: transformers' Grounding DINO separates phrases by these numbers."""
WORDS = """
    a an and the of on in with without small large big little tall short thin thick dark
    light bright red green blue yellow orange purple pink brown black white gray cyan
    magenta gold silver circle square triangle star ring cross diamond heart arrow moon
    hexagon pentagon oval ellipse bar stripe striped dotted plain solid hollow filled round
    flat sharp curved left right top bottom cat dog bird fish horse cow sheep car bus truck
    train bike boat plane person man woman child hand face head leg wheel door window table
    chair bed cup plate bottle box bag ball book phone key tree flower leaf grass water sky
    sun cloud road house wall floor light sign shape thing object part piece crack hole
    scratch dent rust stain mark screw bolt nut pipe wire cable helmet vest hat shoe shirt
    apple banana egg bread cake raccoon shark turtle duck bear lion tiger wolf fox frog
""".split()
BERT_CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 256,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 256,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pad_token_id": 0,
    "type_vocab_size": 2,
}
TOKENIZER_CONFIG = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": True,
    "model_max_length": 256,
}


def build_vocabulary() -> list[str]:
    """Return special tokens, punctuation, letters, letters inside a word, and whole words.

    Between them and the last delimiter are tokens that no text has, as in BERT's vocabulary.
    """
    letters = [*string.ascii_lowercase, *string.digits]
    inside = [f"##{letter}" for letter in letters]
    tokens = dict.fromkeys([*SPECIAL, *string.punctuation, *letters, *inside, *WORDS])
    places = range(max(DELIMITERS) + 1)
    unused = (f"[unused{place}]" for place in places)
    others = chain((token for token in tokens if token not in DELIMITERS.values()), unused)
    return [DELIMITERS.get(place) or next(others) for place in places]


def write_language_model(folder: Path) -> None:
    """Write config.json, tokenizer_config.json and vocab.txt."""
    vocabulary = build_vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    config = {**BERT_CONFIG, "vocab_size": len(vocabulary)}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG, indent=2) + "\n")
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_language_model(parser.parse_args().folder)

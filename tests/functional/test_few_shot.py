"""scripts/benchmarks/few_shot.py makes the sets that it says, and a table of what is there."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import islice
from pathlib import Path

import few_shot
import numpy as np
import pytest


@pytest.mark.parametrize("domain", few_shot.DOMAINS)
def test_a_set_has_exactly_so_many_boxes_of_each_class(tmp_path: Path, domain: str) -> None:
    for path in few_shot.make_data(tmp_path, domain, 5, 0):
        content = json.loads(path.read_text())
        counts = Counter(a["category_id"] for a in content["annotations"])
        assert counts == dict.fromkeys(range(1, 6), 5)
        assert {a["image_id"] for a in content["annotations"]} == {
            i["id"] for i in content["images"]
        }


def test_the_far_domain_has_the_same_outlines_in_other_pixels() -> None:
    near, far = (
        list(islice(few_shot.drawings(domain, random.Random(3)), 4)) for domain in few_shot.DOMAINS
    )
    assert [objects for _, objects in near] == [objects for _, objects in far]
    differences = [
        np.abs(np.asarray(a).astype(int) - np.asarray(b)).mean()
        for (a, _), (b, _) in zip(near, far, strict=True)
    ]
    assert min(differences) > 40


def test_the_table_tells_what_is_there(tmp_path: Path) -> None:
    found = {"map": 0.3, "low": 0.2, "high": 0.4, "known": 0.1, "seconds": 60, "steps": 120}
    (tmp_path / "results").mkdir()
    for name in ("near-base", "far-base", few_shot.Cell(0, "near", 5, "fewshot").name):
        score = 0.1 if "base" in name else 0.3
        (tmp_path / "results" / f"{name}.json").write_text(json.dumps({**found, "map": score}))
    table = few_shot.table(tmp_path)
    assert "| near | 5 | fewshot | 0.300 | 0.300 | 0.200 to 0.400 | +0.200 | 0.100 |" in table
    assert len(table.splitlines()) == 5


def test_seed_0_of_everything_comes_first() -> None:
    seeds = [cell.seed for cell in few_shot.cells()]
    assert seeds == sorted(seeds)
    assert len(set(few_shot.cells())) == len(seeds) == 48

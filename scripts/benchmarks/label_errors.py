"""Planted label errors that `teacher audit` finds, beside cleanlab and a plain threshold.

    python scripts/benchmarks/label_errors.py WORK --plant 0      # images, labels with errors
    train-teacher --data WORK/data/annotations.json --output WORK/run --model demo \\
        --split 0.5/0.25/0.25
    teacher audit WORK/run --format json > WORK/audit.json
    teacher evaluate WORK/run --split val --detections WORK/val.json        # and test
    python scripts/benchmarks/label_errors.py WORK [WORK ...] [--cleanlab]

10 % of the labels of all splits are dropped, shifted, given another class, made up and doubled. The
last command prints, for each kind of error, what is listed, which share of it is an error of that
kind and of any kind, and the share of the errors found. With --cleanlab it needs cleanlab, numpy
and Pillow alone, so that cleanlab can be in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make_demo_data import DEMO_CLASSES, write_dataset

IMAGES, SHARE = 600, 0.1
KINDS = ("missing", "location", "class", "phantom", "double")
"""As the audit names what is dropped, shifted, swapped, made up and doubled."""
Box = Sequence[float]
Calibration = dict[str, tuple[int, float, int]]


class Doubt(NamedTuple):
    """A doubt of a method: a label's box, or for `missing` a box without a label."""

    kind: str
    image: int
    box: Box


def overlap(first: Box, second: Box) -> float:
    """Return intersection over union of xywh boxes."""
    sides = [
        max(0.0, min(first[k] + first[k + 2], second[k] + second[k + 2]) - max(first[k], second[k]))
        for k in (0, 1)
    ]
    shared = sides[0] * sides[1]
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


def moved(rng: random.Random, box: Box, image: dict[str, Any], low: float, high: float) -> Box:
    """Return a box with an overlap between two values, inside the image; itself if none is."""
    for _ in range(500):
        x, y, w, h = (v + rng.uniform(-0.6, 0.6) * box[2 + n % 2] for n, v in enumerate(box))
        inside = x >= 0 and y >= 0 and x + w <= image["width"] and y + h <= image["height"]
        if w > 4 and h > 4 and inside and low <= overlap((x, y, w, h), box) <= high:
            return [round(v, 2) for v in (x, y, w, h)]
    return box


def plant(content: dict[str, Any], seed: int) -> dict[str, list[dict[str, Any]]]:
    """Put errors into the labels, in place, and return them by kind."""
    rng = random.Random(seed)
    planted: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    images = {image["id"]: image for image in content["images"]}
    labels = content["annotations"]
    rng.shuffle(labels)
    of_image: dict[int, list[Box]] = {}
    for label in labels:
        del label["segmentation"]
        of_image.setdefault(label["image_id"], []).append(label["bbox"])
    count = round(SHARE * len(labels))
    parts = [labels[n * count : (n + 1) * count] for n in range(5)]
    dropped, shifted, swapped, copied, doubled = parts
    next_id = max(label["id"] for label in labels) + 1
    for label in shifted:
        label["bbox"] = moved(rng, label["bbox"], images[label["image_id"]], 0.3, 0.6)
    for label in swapped:
        others = [c["id"] for c in content["categories"] if c["id"] != label["category_id"]]
        label["category_id"] = rng.choice(others)
    added = []
    for number, label in enumerate([*copied, *doubled]):
        image = images[label["image_id"]]
        box = moved(rng, label["bbox"], image, 0.8, 0.97)
        if number < len(copied):
            image = rng.choice(content["images"])
            near = of_image.setdefault(image["id"], [])
            for _ in range(500):
                _, _, w, h = label["bbox"]
                x, y = (rng.uniform(0, image[k] - s) for k, s in (("width", w), ("height", h)))
                box = [round(v, 2) for v in (x, y, w, h)]
                if all(overlap(box, other) < 0.05 for other in near):
                    near.append(box)
                    break
        new = {**label, "id": next_id + number, "image_id": image["id"], "bbox": box}
        planted["phantom" if number < len(copied) else "double"].append(new)
        added.append(new)
    planted |= {"missing": dropped, "location": shifted, "class": swapped}
    content["annotations"] = [*labels[count:], *added]
    for label in content["annotations"]:
        label["area"] = label["bbox"][2] * label["bbox"][3]
    return planted


def write_planted(work: Path, seed: int) -> Path:
    """Write images, labels with errors and `planted.json`; return the labels' file."""
    path = write_dataset(work / "data", IMAGES, seed, DEMO_CLASSES)
    content = json.loads(path.read_text())
    (work / "planted.json").write_text(json.dumps(plant(content, seed)))
    path.write_text(json.dumps(content))
    return path


def planted_in(work: Path, images: dict[int, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the errors in the audited images."""
    planted = json.loads((work / "planted.json").read_text())
    return {kind: [e for e in own if e["image_id"] in images] for kind, own in planted.items()}


def hits(doubt: Doubt, kind: str, error: dict[str, Any]) -> bool:
    """Return whether a doubt points to an error of a kind."""
    if doubt.image != error["image_id"] or (kind == "missing") != (doubt.kind == "missing"):
        return False
    least = {"missing": 0.5, "double": 0.7}.get(kind, 0.98)
    return overlap(doubt.box, error["bbox"]) >= least


def measure(doubts: list[Doubt], planted: dict[str, list[dict[str, Any]]]) -> dict[str, list[int]]:
    """Return for each kind: doubted, right of its kind, pointing to any error, planted, found."""
    table = {}
    for kind in KINDS:
        own = [d for d in doubts if d.kind == kind]
        right = sum(any(hits(d, kind, error) for error in planted[kind]) for d in own)
        some = sum(any(hits(d, k, e) for k in KINDS for e in planted[k]) for d in own)
        found = sum(any(hits(d, kind, error) for d in own) for error in planted[kind])
        table[kind] = [len(own), right, some, len(planted[kind]), found]
    return table


def read_looked(work: Path) -> dict[int, Any]:
    """Return labels and detections of the audited images, by the images' original ids."""
    images: dict[int, Any] = {}
    for split in ("val", "test"):
        labels = json.loads((work / "run" / "data" / f"{split}.json").read_text())
        ids = {image["id"]: image["original_id"] for image in labels["images"]}
        images |= {number: {"labels": [], "found": []} for number in ids.values()}
        for label in labels["annotations"]:
            images[ids[label["image_id"]]]["labels"].append((label["category_id"], label["bbox"]))
        for box in json.loads((work / f"{split}.json").read_text()):
            found = (box["category_id"], box["bbox"], box["score"])
            images[ids[box["image_id"]]]["found"].append(found)
    return images


def by_rule(images: dict[int, Any], threshold: float) -> Iterator[Doubt]:
    """Yield what a plain threshold doubts."""
    for number, image in images.items():
        sure = [found for found in image["found"] if found[2] >= threshold]
        for _, box, _ in sure:
            if all(overlap(box, other) < 0.5 for _, other in image["labels"]):
                yield Doubt("missing", number, box)
        for row, (label, box) in enumerate(image["labels"]):
            near = [(overlap(box, other), c) for c, other, _ in sure]
            best = max(near, default=(0.0, 0))
            of_class = max((o for o, c in near if c == label), default=0.0)
            if best[0] < 0.3:
                yield Doubt("phantom", number, box)
            elif best[0] >= 0.5 and of_class < 0.3:
                yield Doubt("class", number, box)
            elif 0.3 <= of_class < 0.7:
                yield Doubt("location", number, box)
            if any(overlap(box, other) >= 0.7 for _, other in image["labels"][:row]):
                yield Doubt("double", number, box)


def by_audit(audit: dict[str, Any], least: float) -> Iterator[Doubt]:
    """Yield what `teacher audit` lists from a probability on."""
    for s in audit["suspects"]:
        if s["probability"] >= least:
            yield Doubt(s["kind"], s["image_id"], s["label_box"] or s["box"])


def told_apart(quality: dict[int, float], planted: dict[str, list[dict[str, Any]]]) -> float:
    """Return how often an image with an error has a lower quality than one without (AUROC)."""
    wrong = {error["image_id"] for own in planted.values() for error in own}
    bad = [quality[number] for number in quality if number in wrong]
    good = [quality[number] for number in quality if number not in wrong]
    pairs = [(b < g) + (b == g) / 2 for b in bad for g in good]
    return sum(pairs) / len(pairs)


def quality_by_audit(audit: dict[str, Any], images: dict[int, Any]) -> dict[int, float]:
    """Return how likely the labels of each image are all right."""
    quality = dict.fromkeys(images, 1.0)
    for suspect in audit["suspects"]:
        quality[suspect["image_id"]] *= 1 - suspect["probability"]
    return quality


def for_cleanlab(images: dict[int, Any], classes: int, most: float) -> tuple[list[Any], list[Any]]:
    """Return labels and predictions as cleanlab takes them.

    Scores are divided by `most`: a detector whose surest boxes score 0.7 never reaches its 0.95.
    """
    import numpy as np

    def corners(boxes: list[Any]) -> Any:
        array = np.array([box[1] for box in boxes], np.float64).reshape(-1, 4)
        array[:, 2:] += array[:, :2]
        return array

    labels, predictions = [], []
    for image in images.values():
        known = [label - 1 for label, _ in image["labels"]]
        labels.append({"bboxes": corners(image["labels"]), "labels": np.array(known, int)})
        rows = []
        for number in range(1, classes + 1):
            own = [f for f in image["found"] if f[0] == number]
            rows.append(
                np.column_stack([corners(own), [min(f[2] / most, 1.0) for f in own]]).reshape(-1, 5)
            )
        predictions.append(np.array([*rows, None], object)[:-1])
    return labels, predictions


def by_cleanlab(
    images: dict[int, Any], labels: list[Any], predictions: list[Any]
) -> Iterator[Doubt]:
    """Yield what cleanlab's ObjectLab calls an issue, box by box, with its own thresholds."""
    import cleanlab.object_detection.filter as objectlab

    auxiliary = objectlab._get_valid_inputs_for_compute_scores(0.9, labels, predictions)
    precisions = objectlab._get_per_class_ap(labels, predictions)
    for kind, compute, options in (
        ("missing", objectlab.compute_overlooked_box_scores, {"high_probability_threshold": 0.95}),
        ("location", objectlab.compute_badloc_box_scores, {"low_probability_threshold": 0.5}),
        ("class", objectlab.compute_swap_box_scores, {"high_probability_threshold": 0.95}),
    ):
        scores = compute(alpha=0.9, auxiliary_inputs=auxiliary, **options)
        for number, inputs, own in zip(images, auxiliary, scores, strict=True):
            side = "pred" if kind == "missing" else "lab"
            for label, (x, y, right, bottom), score in zip(
                inputs[f"{side}_labels"], inputs[f"{side}_bboxes"], own, strict=True
            ):
                if score <= 0.8 * precisions[int(label)]:
                    yield Doubt(kind, number, [x, y, right - x, bottom - y])


def calibration(audit: dict[str, Any], planted: dict[str, list[dict[str, Any]]]) -> Calibration:
    """Return, for each range of probabilities: suspects, their sum, and those that are errors."""
    table = {}
    for low, high in ((0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0001)):
        own = [s for s in audit["suspects"] if low <= s["probability"] < high]
        wrong = 0
        for s in own:
            doubt = Doubt(s["kind"], s["image_id"], s["label_box"] or s["box"])
            wrong += any(hits(doubt, k, e) for k in KINDS for e in planted[k])
        table[f"{low:.0%} to {high:.0%}"] = (len(own), sum(s["probability"] for s in own), wrong)
    return table


def tell(name: str, table: dict[str, list[int]]) -> None:
    """Print one row of a Markdown table for each kind."""
    for kind, (listed, right, some, planted, found) in table.items():
        precision = f"{right / listed:.2f} | {some / listed:.2f}" if listed else "- | -"
        print(f"| {name} | {kind} | {listed} | {precision} | {found / max(planted, 1):.2f} |")


def main() -> None:
    """Plant, or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, nargs="+", help="a folder for each seed")
    parser.add_argument("--plant", type=int, metavar="SEED", help="write images and labels")
    parser.add_argument("--cleanlab", action="store_true", help="measure cleanlab instead")
    options = parser.parse_args()
    if options.plant is not None:
        print(write_planted(options.work[0], options.plant))
        return
    counted: list[Calibration] = []
    totals: dict[str, dict[str, list[int]]] = {}
    for work in options.work:
        images, audit = read_looked(work), json.loads((work / "audit.json").read_text())
        methods: dict[str, Iterator[Doubt]] = {}
        if options.cleanlab:
            scores = sorted(found[2] for image in images.values() for found in image["found"])
            label_count = sum(len(image["labels"]) for image in images.values())
            # The surest quarter of the boxes, as many as a quarter of the labels, score 1.
            scaled = scores[-(label_count // 4)]
            from cleanlab.object_detection.rank import get_label_quality_scores

            for name, most in (("cleanlab", 1.0), ("cleanlab, scores scaled", scaled)):
                told = for_cleanlab(images, len(DEMO_CLASSES), most)
                methods[name] = by_cleanlab(images, *told)
                ranked = zip(images, get_label_quality_scores(*told, verbose=False), strict=True)
                apart = told_apart(dict(ranked), planted_in(work, images))
                print(f"{work}, {name}: images separated {apart:.2f}")
        else:
            methods = {f"audit, {p:.0%}": by_audit(audit, p) for p in (0.9, 0.5, 0.2)}
            methods["threshold"] = by_rule(images, audit["threshold"])
            apart = told_apart(quality_by_audit(audit, images), planted_in(work, images))
            print(f"{work}, audit: images separated {apart:.2f}")
        counted.append(calibration(audit, planted_in(work, images)))
        for name, doubts in methods.items():
            table = measure(list(doubts), planted_in(work, images))
            sums = totals.setdefault(name, {kind: [0] * 5 for kind in KINDS})
            for kind, row in table.items():
                sums[kind] = [a + b for a, b in zip(sums[kind], row, strict=True)]
    for name, table in totals.items():
        tell(name, table)
    for part in {} if options.cleanlab else counted[0]:
        rows = [table[part] for table in counted]
        count, said, wrong = (sum(column) for column in zip(*rows, strict=True))
        shares = f"{said / max(count, 1):.2f} said, {wrong / max(count, 1):.2f} wrong"
        print(f"said {part}: {count} suspects, {shares}")


if __name__ == "__main__":
    main()

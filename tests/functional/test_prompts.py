"""`teacher prompts`: which words the base model reads best, tried on labeled images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from commands import run_command
from generated_data import make_images

RIGHT, BAD_NAME = "blue square", "purple ring"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class that the base model knows has a name that says nothing."""
    path = make_images(
        tmp_path_factory.mktemp("data"), images=16, seed=5, classes=("red circle", RIGHT)
    )
    content = json.loads(path.read_text())
    content["categories"][1]["name"] = BAD_NAME
    path.write_text(json.dumps(content))
    return path


def prompts(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("teacher", "prompts", *arguments, "--model", "demo", "--device", "cpu")


def test_words_that_the_model_knows_win_over_a_name_that_says_nothing(
    data: Path, tmp_path: Path
) -> None:
    phrases = tmp_path / "phrases.yaml"
    phrases.write_text(f"{BAD_NAME}: [something, {RIGHT}]\n")
    result = prompts(data, "--phrases", phrases, "--phrase", "red circle=round", "--format", "json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["class_prompts"][BAD_NAME] == RIGHT
    assert told["num_images"] == 16
    circle, square = told["classes"]
    assert [one["phrase"] for one in square["phrases"]] == [BAD_NAME, "something", RIGHT]
    assert [one["phrase"] for one in circle["phrases"]] == ["red circle", "round"]
    best = square["phrases"][square["best"]]
    assert best["average_precision"] > square["phrases"][0]["average_precision"] + 0.1
    assert told["best_score"] > told["names_score"]


def test_the_terminal_shows_what_to_type_and_only_a_sample_is_looked_at(data: Path) -> None:
    result = prompts(data, "--phrase", f"{BAD_NAME}={RIGHT}", "--sample", 12)
    assert result.returncode == 0, result.stderr
    assert "12 of 16 images" in result.stdout
    assert f"--class-prompt '{BAD_NAME}={RIGHT}'" in result.stdout


def test_phrases_are_tried_for_the_values_of_an_attribute(data: Path, tmp_path: Path) -> None:
    content = json.loads(data.read_text())
    for annotation in content["annotations"]:
        annotation["kind"] = f"kind {annotation['category_id']}"
    typed = tmp_path / "typed.json"
    typed.write_text(json.dumps(content))
    where = (typed, "--images", data.parent, "--format", "json")
    result = prompts(*where, "--sample", 1, "--class-from", "kind")
    assert result.returncode == 0, result.stderr
    classes = [one["name"] for one in json.loads(result.stdout)["classes"]]
    assert classes == ["kind 1", "kind 2"]


def test_what_cannot_be_tried_is_wrong_usage(data: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("red circle: [1, 2]\n")
    for arguments, said in (
        (("--phrase", "red circel=x"), "did you mean 'red circle'"),
        (("--phrases", bad), "is no phrase"),
        (("--weights", "none"), "random weights detect nothing"),
    ):
        result = prompts(data, *arguments)
        assert result.returncode == 2, result.stderr
        assert said in result.stderr

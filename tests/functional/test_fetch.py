"""`teacher fetch` as a user runs it, then training on the fetched folder without network."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from demo_model import DEMO_BASE
from generated_data import make_images

LANGUAGE_MODEL = DEMO_BASE.parent / "language_model"
NAME = f"demo-{hashlib.sha256(DEMO_BASE.read_bytes()).hexdigest()[:8]}.pth"


class Site(http.server.SimpleHTTPRequestHandler):
    """A folder as a site for weights and, with the headers that its client wants, as a hub."""

    def end_headers(self) -> None:
        self.send_header("ETag", f'"{Path(self.path).name}"')
        self.send_header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output readable."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("site")
    (root / NAME).write_bytes(DEMO_BASE.read_bytes())
    hub = root / "someone" / "shapes-bert" / "resolve" / "main"
    hub.mkdir(parents=True)
    for file in LANGUAGE_MODEL.iterdir():
        (hub / file.name).write_bytes(file.read_bytes())
    handler = partial(Site, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def write_preset(folder: Path, site: str) -> Path:
    """Write the demo preset as a published model would be: an address and a name."""
    text = (DEMO_BASE.parent.parent / "demo.yaml").read_text()
    text = re.sub(r"(?m)^checkpoint: \S+", f"checkpoint: {site}/{NAME}", text)
    text = re.sub(r"(?m)^language_model: \S+", "language_model: someone/shapes-bert", text)
    path = folder / "published.yaml"
    path.write_text(text)
    return path


def run(program: str, *arguments: object, home: Path, **environment: str) -> tuple[int, str, str]:
    """Run a command with caches of its own, as on a fresh machine."""
    result = subprocess.run(
        [str(Path(sys.executable).parent / program), *map(str, arguments)],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS"))},
            "NO_PROXY": "127.0.0.1",
            "HF_HOME": str(home / "hf"),
            "TORCH_HOME": str(home / "torch"),
            "TRAIN_TEACHER_CACHE": str(home / "checkpoints"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


def test_a_fetched_folder_trains_without_network_and_without_nltk(
    site: str, tmp_path: Path
) -> None:
    preset = write_preset(tmp_path, site)
    folder = tmp_path / "offline"
    here, there = tmp_path / "here", tmp_path / "there"
    code, out, err = run("teacher", "fetch", preset, "--to", folder, home=here, HF_ENDPOINT=site)
    assert code == 0, err
    flags = f"--model {preset} --weights {folder} --language-model {folder}"
    assert flags in out
    assert json.loads((folder / "fetched.json").read_text())[str(preset)]["weights"] == NAME

    # Upstream downloads corpora as soon as it imports nltk (mmdet glip.py:29).
    trap = tmp_path / "modules" / "nltk.py"
    trap.parent.mkdir()
    trap.write_text("raise SystemExit('nltk was imported')\n")
    modules = os.pathsep.join(filter(None, (str(trap.parent), os.environ.get("PYTHONPATH"))))
    data = make_images(tmp_path / "data", images=12, seed=2, classes=("red star", "blue ring"))
    settings = ("--device", "cpu", "--epochs", 1, "--batch-size", 4)
    code, out, err = run(
        "train-teacher", "--data", data, "--output", tmp_path / "exp1", *flags.split(), *settings,
        home=there, HF_HUB_OFFLINE="1", PYTHONPATH=modules,
        # Whoever asks for an address gets a refused connection.
        HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9",
    )  # fmt: skip
    assert code == 0, err
    assert "after:  val bbox mAP" in out
    # What inspection saw of the images may be remembered there; nothing was fetched.
    assert {path.name for path in there.rglob("*.*")} <= {"images.sqlite"}


def test_without_a_folder_the_files_go_where_training_looks(site: str, tmp_path: Path) -> None:
    preset = write_preset(tmp_path, site)
    code, out, err = run("teacher", "fetch", preset, home=tmp_path / "home", HF_ENDPOINT=site)
    assert code == 0, err
    assert "--weights" not in out
    # The second call finds everything there.
    code, again, err = run("teacher", "fetch", preset, home=tmp_path / "home", HF_HUB_OFFLINE="1")
    assert (code, again) == (0, out), err


def test_offline_and_not_fetched_is_one_message(tmp_path: Path) -> None:
    code, _, err = run("teacher", "fetch", "swin-t", home=tmp_path / "home", HF_HUB_OFFLINE="1")
    assert code == 1
    what = "error: the language model bert-base-uncased is not on this machine"
    assert err.startswith(f"{what}: HF_HUB_OFFLINE=1 forbids the network")
    assert "Traceback" not in err


def test_an_unknown_preset_is_wrong_usage(tmp_path: Path) -> None:
    code, _, err = run("teacher", "fetch", "swin-x", home=tmp_path / "home")
    assert code == 2
    assert "swin-t" in err

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from train_teacher.core.errors import UserError
from train_teacher.prompts.language_model_files import fetch_language_model, obtain_language_model
from train_teacher.prompts.tokenizer import count_tokens

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "bert", "vocab_size": 8}',
    "vocab.txt": b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n.\ncat\ndog\n",
    "tokenizer_config.json": b'{"do_lower_case": true}',
}


@dataclass
class FakeHub:
    """The requests of huggingface_hub to a hub, for one repository."""

    repository: str = "google-bert/bert-base-uncased"
    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    requests: list[str] = field(default_factory=list)
    address: str = ""


def handler_of(hub: FakeHub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            hub.requests.append(self.path)
            # A proxy is asked for the whole address, a server for the path.
            repository, _, name = self.path.partition("/resolve/main/")
            body = hub.files.get(name)
            if not repository.endswith("/" + hub.repository) or body is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("ETag", f'"{name}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output readable."""

    return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    hub = FakeHub()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(hub)) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_the_files_are_downloaded_once_into_the_cache_of_hugging_face(hub: FakeHub) -> None:
    folder = obtain_language_model("bert-base-uncased")
    asked = len(hub.requests)
    assert obtain_language_model("bert-base-uncased") == folder
    assert len(hub.requests) == asked
    assert (folder / "vocab.txt").read_bytes() == FILES["vocab.txt"]
    assert not any("model.safetensors" in request for request in hub.requests)


def test_tokens_are_counted_exactly_after_the_download(hub: FakeHub) -> None:
    obtain_language_model("bert-base-uncased")
    assert count_tokens(["cat", "dog"], None).exact


def test_a_folder_for_another_machine_is_a_language_model_by_itself(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch_language_model("bert-base-uncased", tmp_path / "offline")
    assert {path.name for path in folder.iterdir()} == set(FILES)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "another-machine"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert obtain_language_model(str(folder)) == folder


def test_another_models_files_in_the_folder_are_not_replaced(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="another language model"):
        fetch_language_model("bert-base-uncased", tmp_path)
    assert (tmp_path / "config.json").read_text() == "{}"


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_means_no_request_and_a_message_with_the_way_out(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, variable: str, hub_cache: Path
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(UserError) as caught:
        obtain_language_model("bert-base-uncased")
    message = str(caught.value)
    assert hub.requests == []
    assert f"{variable}=1" in message
    assert "config.json and vocab.txt" in message
    assert str(hub_cache) in message
    assert "teacher fetch" in message


def test_a_path_that_is_not_there_is_not_looked_for_on_the_hub(
    hub: FakeHub, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no such folder"):
        obtain_language_model(str(tmp_path / "bert"))
    assert hub.requests == []


def test_a_model_that_the_hub_does_not_know_is_one_message(hub: FakeHub) -> None:
    with pytest.raises(UserError, match="someone/bert could not be read from http"):
        obtain_language_model("someone/bert")


def test_no_connection_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UserError, match="teacher fetch") as caught:
        obtain_language_model("bert-base-uncased")
    first = (
        "the language model bert-base-uncased is not on this machine: 127.0.0.1 cannot be reached"
    )
    assert str(caught.value).startswith(first)


def test_a_proxy_is_used(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", hub.address)
    monkeypatch.setenv("http_proxy", hub.address)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert (obtain_language_model("bert-base-uncased") / "vocab.txt").is_file()
    assert all(path.startswith("http://hub.invalid") for path in hub.requests)

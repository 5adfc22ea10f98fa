from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from train_teacher.core.errors import UsageError, UserError
from train_teacher.weights.files import (
    DOWNLOAD_CHUNK_BYTES,
    expected_weights,
    fetch_weights,
    resolve_weights,
)


def checkpoint_bytes(size: int = 600_000) -> bytes:
    """A stored zip as torch.save writes it; its content does not matter here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(range(256)) * (size // 256))
    return buffer.getvalue()


CONTENT = checkpoint_bytes()
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@dataclass
class FakeSite:
    """One file on 127.0.0.1, and how badly it is served."""

    content: bytes = CONTENT
    ranges: bool = True
    status: int = 200
    cut_after: list[int] = field(default_factory=list)
    """Bytes after which the next connections break; then they hold."""
    requested_ranges: list[str | None] = field(default_factory=list)
    address: str = ""

    def url(self, name: str = NAME) -> str:
        return f"{self.address}/folder/{name}"


def handler_of(site: FakeSite) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            site.requested_ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
            if start and start >= len(site.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(site.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = site.content[start:]
            self.send_response(206 if start else site.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client gave up first
                self.wfile.write(body[: site.cut_after.pop(0)] if site.cut_after else body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output readable."""

    return Handler


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = FakeSite()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(site)) as server:
        site.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("TRAIN_TEACHER_CACHE", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_none_is_no_file() -> None:
    assert resolve_weights("none", "https://example.org/a.pth") is None


def test_a_file_is_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "own.pth", CONTENT)
    assert resolve_weights(str(path), None) == path


def test_auto_takes_the_shipped_file(tmp_path: Path) -> None:
    path = write(tmp_path / "shipped.pth", CONTENT)
    assert resolve_weights("auto", str(path)) == path


def test_auto_downloads_once_and_then_finds_the_cache(site: FakeSite, cache: Path) -> None:
    first = resolve_weights("auto", site.url())
    second = resolve_weights("auto", site.url())
    assert first == second == cache / NAME
    assert first.read_bytes() == CONTENT
    assert len(site.requested_ranges) == 1
    assert [path.name for path in cache.iterdir()] == [NAME]


def test_the_expected_place_is_where_the_download_goes(site: FakeSite) -> None:
    expected = expected_weights("auto", site.url())
    assert expected is not None
    assert not expected.exists()
    assert resolve_weights("auto", site.url()) == expected


def test_progress_ends_at_the_whole_size(site: FakeSite) -> None:
    seen: list[tuple[int, int]] = []
    resolve_weights(site.url(), None, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_file_in_the_cache_of_pytorch_is_used(site: FakeSite, tmp_path: Path) -> None:
    path = write(tmp_path / "torch" / "hub" / "checkpoints" / NAME, CONTENT)
    assert resolve_weights("auto", site.url()) == path
    assert site.requested_ranges == []


def test_two_addresses_with_one_file_name_do_not_share_a_place() -> None:
    first = expected_weights("https://example.org/a/best.pth", None)
    assert first != expected_weights("https://example.org/b/best.pth", None)


def test_a_cut_connection_is_resumed_where_it_broke(site: FakeSite) -> None:
    site.cut_after = [100_000]
    path = resolve_weights(site.url(), None)
    assert path is not None
    assert path.read_bytes() == CONTENT
    assert site.requested_ranges == [None, f"bytes={DOWNLOAD_CHUNK_BYTES}-"]


def test_the_part_of_an_earlier_command_is_completed(site: FakeSite, cache: Path) -> None:
    write(cache / f"{NAME}.part", CONTENT[:70_000])
    path = resolve_weights(site.url(), None)
    assert path is not None
    assert path.read_bytes() == CONTENT
    assert site.requested_ranges == ["bytes=70000-"]


def test_a_server_without_ranges_starts_anew(site: FakeSite, cache: Path) -> None:
    site.ranges = False
    write(cache / f"{NAME}.part", CONTENT[:70_000])
    path = resolve_weights(site.url(), None)
    assert path is not None
    assert path.read_bytes() == CONTENT


def test_a_complete_part_is_only_renamed(site: FakeSite, cache: Path) -> None:
    write(cache / f"{NAME}.part", CONTENT)
    path = resolve_weights(site.url(), None)
    assert path is not None
    assert path.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(site: FakeSite, cache: Path) -> None:
    write(cache / f"{NAME}.part", CONTENT + b"more")
    path = resolve_weights(site.url(), None)
    assert path is not None
    assert path.read_bytes() == CONTENT


def test_a_line_that_always_breaks_ends_in_one_message_and_keeps_the_part(
    site: FakeSite, cache: Path
) -> None:
    site.cut_after = [70_000] * 20
    with pytest.raises(UserError, match="could not be downloaded"):
        resolve_weights(site.url(), None)
    assert len(site.requested_ranges) == 5
    assert (cache / f"{NAME}.part").stat().st_size == 5 * DOWNLOAD_CHUNK_BYTES


def test_a_wrong_hash_removes_the_download(site: FakeSite, cache: Path) -> None:
    with pytest.raises(UserError, match="should begin 00000000"):
        resolve_weights(site.url("model-00000000.pth"), None)
    assert list(cache.iterdir()) == []


def test_a_wrong_file_put_into_the_cache_is_refused_and_kept(site: FakeSite, cache: Path) -> None:
    path = write(cache / NAME, checkpoint_bytes(1000))
    with pytest.raises(UserError, match="SHA-256 begins"):
        resolve_weights(site.url(), None)
    assert path.exists()


def test_a_login_page_is_not_cached(site: FakeSite, cache: Path) -> None:
    site.content = b"<!doctype html><title>Log in</title>"
    with pytest.raises(UserError, match="web page"):
        resolve_weights(site.url("best.pth"), None)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_missing_page_is_named_with_its_status(site: FakeSite) -> None:
    site.status = 404
    with pytest.raises(UserError, match="the server answers 404"):
        resolve_weights(site.url(), None)


def test_without_network_the_message_says_address_place_and_ways_out(cache: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = f"http://user:secret@127.0.0.1:{port}/{NAME}"
    with pytest.raises(UserError) as caught:
        resolve_weights("auto", url)
    message = str(caught.value)
    assert f"http://127.0.0.1:{port}/{NAME}" in message
    assert str(cache / NAME) in message
    assert "--weights PATH" in message
    assert "--weights none" in message
    assert "secret" not in message


def test_an_unwritable_cache_is_named(site: FakeSite, cache: Path) -> None:
    write(cache, b"a file where the folder should be")
    with pytest.raises(UserError, match="cache: "):
        resolve_weights(site.url(), None)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\n<html></html>", "web page"),
        (b"version https://git-lfs", "not a PyTorch checkpoint"),
        (CONTENT[:1000], "cut off"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = write(tmp_path / "bad.pth", content)
    with pytest.raises(UserError, match=problem):
        resolve_weights(str(path), None)


def test_a_checkpoint_of_an_old_pytorch_is_left_to_its_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "old.pth", b"\x80\x02\x8a\nl\xfc")
    assert resolve_weights(str(path), None) == path


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        resolve_weights(str(tmp_path / "nothing.pth"), None)
    with pytest.raises(UserError, match="is a folder"):
        resolve_weights(str(tmp_path), None)


@pytest.mark.parametrize(
    "value",
    ["ftp://example.org/a.pth", "https://example.org/", "https:///a.pth", "http://[x/a.pth"],
)
def test_an_address_that_is_no_file_on_the_web_is_wrong_usage(value: str) -> None:
    with pytest.raises(UsageError, match="--weights"):
        resolve_weights(value, None)


@pytest.mark.parametrize("value", ["auto", ""])
def test_nothing_to_start_from_is_wrong_usage(value: str) -> None:
    with pytest.raises(UsageError, match="--weights"):
        resolve_weights(value, None)


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_means_no_request_and_a_message_with_file_and_place(
    site: FakeSite, cache: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(UserError) as caught:
        resolve_weights("auto", site.url())
    message = str(caught.value)
    assert site.requested_ranges == []
    assert f"{variable}=1 forbids the network" in message
    assert str(cache / NAME) in message
    assert "teacher fetch" in message


def test_a_file_in_the_cache_is_used_offline(
    site: FakeSite, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = write(cache / NAME, CONTENT)
    assert resolve_weights("auto", site.url()) == path


def test_a_proxy_is_used(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, site.address)
    path = resolve_weights("auto", f"http://weights.invalid/folder/{NAME}")
    assert path is not None
    assert path.read_bytes() == CONTENT


def test_in_a_folder_the_presets_own_checkpoint_is_taken(tmp_path: Path, site: FakeSite) -> None:
    own = write(tmp_path / "folder" / NAME, CONTENT)
    write(tmp_path / "folder" / "other.pth", CONTENT)
    assert resolve_weights(str(tmp_path / "folder"), site.url()) == own


def test_a_damaged_copy_in_a_folder_is_refused(tmp_path: Path, site: FakeSite) -> None:
    write(tmp_path / "folder" / NAME, checkpoint_bytes(1000))
    with pytest.raises(UserError, match="SHA-256 begins"):
        resolve_weights(str(tmp_path / "folder"), site.url())


def test_in_a_folder_the_only_checkpoint_is_taken(tmp_path: Path, site: FakeSite) -> None:
    only = write(tmp_path / "folder" / "own.pth", CONTENT)
    write(tmp_path / "folder" / "vocab.txt", b"cat")
    assert resolve_weights(str(tmp_path / "folder"), site.url()) == only


def test_several_checkpoints_in_a_folder_are_named(tmp_path: Path, site: FakeSite) -> None:
    write(tmp_path / "folder" / "one.pth", CONTENT)
    write(tmp_path / "folder" / "two.pth", CONTENT)
    with pytest.raises(UserError, match=r"holds 2 checkpoints(.|\n)*one\.pth\n.*two\.pth"):
        resolve_weights(str(tmp_path / "folder"), site.url())


def test_a_fetched_folder_is_accepted_as_weights_without_network(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch_weights(site.url(), tmp_path / "folder")
    assert path == tmp_path / "folder" / NAME
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve_weights(str(tmp_path / "folder"), site.url()) == path
    assert fetch_weights(site.url(), tmp_path / "folder") == path
    assert len(site.requested_ranges) == 1


def test_fetching_goes_on_where_it_broke(site: FakeSite, tmp_path: Path) -> None:
    write(tmp_path / "folder" / f"{NAME}.part", CONTENT[:70_000])
    assert fetch_weights(site.url(), tmp_path / "folder").read_bytes() == CONTENT
    assert site.requested_ranges == ["bytes=70000-"]


def test_fetching_copies_what_the_cache_has(site: FakeSite, tmp_path: Path, cache: Path) -> None:
    write(cache / NAME, CONTENT)
    assert fetch_weights(site.url(), tmp_path / "folder").read_bytes() == CONTENT
    assert site.requested_ranges == []
    assert [path.name for path in (tmp_path / "folder").iterdir()] == [NAME]


def test_a_folder_that_cannot_be_written_is_named(
    site: FakeSite, tmp_path: Path, cache: Path
) -> None:
    write(cache / NAME, CONTENT)
    write(tmp_path / "folder", b"a file")
    with pytest.raises(UserError, match="cannot be written"):
        fetch_weights(site.url(), tmp_path / "folder")


def test_the_hubs_weights_come_by_their_name_and_go_on_where_they_stopped(
    site: FakeSite, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import save

    names = ("model.decoder.layers.0.fc1.weight", "model.encoder_output_class_embed.bias")
    site.content = save({name: torch.zeros(300, 300) for name in names})
    site.cut_after = [100_000]
    monkeypatch.setenv("HF_ENDPOINT", site.address)
    got = resolve_weights("hf://some-lab/small", None)
    assert got == expected_weights("hf://some-lab/small", None)
    assert got == cache / "some-lab--small.safetensors"
    assert got.read_bytes() == site.content
    assert site.requested_ranges[1] is not None
    assert fetch_weights("hf://some-lab/small", tmp_path / "to").read_bytes() == site.content
    assert len(site.requested_ranges) == 2


def test_a_cut_off_file_of_the_hub_is_not_kept(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.content = b"\x90\x00\x00\x00\x00\x00\x00\x00{"
    monkeypatch.setenv("HF_ENDPOINT", site.address)
    with pytest.raises(UserError, match="the downloaded file cannot be trained on: is cut off"):
        resolve_weights("hf://some-lab/small", None)


@pytest.mark.parametrize("name", ["hf://small", "hf://a/b/c", "hf://a/b?x=1"])
def test_a_hub_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="hf://ORG/NAME"):
        resolve_weights(name, None)

"""Commands of ours, run as a user runs them but without the seconds their imports take.

A process that has imported the training stack waits for commands and forks for each of them, so
that a command still has a process, an environment, a folder and streams of its own. The first
command of each process of pytest starts it. What is about the start itself (imports, hash seeds,
variables that Python reads, torchrun) is tested with `subprocess`.
"""

from __future__ import annotations

import array
import atexit
import base64
import functools
import gc
import importlib
import json
import os
import pickle
import pkgutil
import random
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

QUIET = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
"""Environment of every command: no network, no GPU. transformers reads it when imported."""
UNLOADED = re.compile(r"__main__|import_probe|onnx")
"""Modules not imported beforehand: programs, and what starts threads, which no fork has."""
DEVICE = "PRETENDED_GPU"
"""Variable with the device's library (pretend_gpu/): its commands have a process of their own to
fork from, for which it was there before PyTorch."""
RECORD = 32
"""Bytes of each number that a fork's keeper writes: its process id, then its exit code."""


def run_command(
    program: str, *arguments: object, cwd: Path | None = None, timeout: float = 400, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a console script to its end.

    Args:
        program: `train-teacher`, `teacher` or `inspect-data`.
        arguments: as on the command line.
        cwd: folder to run it in.
        timeout: seconds after which it is killed.
        env: variables on top of this process's and `QUIET`.

    Raises:
        TimeoutExpired: it was killed.
    """
    with start_command(program, *arguments, cwd=cwd, **env) as command:
        return command.finished(timeout)


def start_command(
    program: str,
    *arguments: object,
    cwd: Path | None = None,
    prepare: Callable[[], None] | None = None,
    **env: str,
) -> StartedCommand:
    """Start a console script; see `run_command`. As a context it is killed in the end.

    Args:
        prepare: what pickle can name, called in its process before the script.
    """
    words = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    request: dict[str, Any] = {"words": words, "cwd": str(cwd or Path.cwd())}
    if prepare:
        pickled = base64.b64encode(pickle.dumps(prepare)).decode()
        request |= {"prepare": pickled, "path": sys.path}
    return StartedCommand({**request, "env": {**os.environ, **QUIET, **env}})


class StartedCommand:
    """A command that runs, with what it has written."""

    def __init__(self, request: dict[str, Any]) -> None:
        """Fork it."""
        self.words = request["words"]
        self.out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the context
        self.err: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._numbers, numbers = os.pipe()
        body = json.dumps(request).encode()
        files = array.array("i", [self.out.fileno(), self.err.fileno(), numbers])
        server = _server(request["env"].get(DEVICE, ""))
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)]
        server.sendmsg([len(body).to_bytes(8, "big")], control)
        server.sendall(body)
        os.close(numbers)
        self.pid = int(os.read(self._numbers, RECORD))
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal.

        Raises:
            TimeoutExpired: it still runs.
        """
        if self._code is None:
            if not select.select([self._numbers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.words, timeout or 0.0)
            self._code = int(os.read(self._numbers, RECORD))
        return self._code

    def poll(self) -> int | None:
        """Return the exit code, None as long as it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def finished(self, timeout: float) -> subprocess.CompletedProcess[str]:
        """Wait for it and return its exit code and its texts."""
        code = self.wait(timeout)
        return subprocess.CompletedProcess(self.words, code, _text(self.out), _text(self.err))

    def __enter__(self) -> StartedCommand:
        """Do nothing more."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, at: TracebackType | None
    ) -> None:
        """Kill it if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.close(self._numbers)
        for file in (self.out, self.err):
            file.close()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _server(device: str) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            env={**os.environ, **QUIET, DEVICE: device},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    atexit.register(_end, ours, process)
    return ours


def _end(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    connection.close()  # it ends when nobody can ask any more
    process.wait()


def _preload() -> None:
    """Import what a training process imports, as quietly as it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plugin = importlib.import_module("train_teacher.mmdet_plugin")
        utils = importlib.import_module("mmdet.utils")
        utils.register_all_modules(init_default_scope=False)
        package = importlib.import_module(plugin.__name__.partition(".")[0])
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not UNLOADED.search(module.name):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page


def _serve(connection: socket.socket) -> Any:
    """Fork for every request; return the request in a fork, nothing where there are no more."""
    keepers: set[int] = set()
    while True:
        size, control, *_ = connection.recvmsg(8, socket.CMSG_SPACE(3 * 4))
        if not size:
            break
        files = array.array("i", control[0][2])
        body = b""
        while len(body) < int.from_bytes(size, "big"):
            body += connection.recv(1 << 20)
        keeper = os.fork()
        if not keeper:
            connection.close()
            return _become(json.loads(body), *files)
        keepers.add(keeper)
        for file in files:
            os.close(file)
        keepers -= {pid for pid in keepers if os.waitpid(pid, os.WNOHANG)[0]}
    for keeper in keepers:
        os.waitpid(keeper, 0)
    return None


def _become(request: Any, out: int, err: int, numbers: int) -> Any:
    """Return in a process with all that was asked for; its parent tells how it ended."""
    pid = os.fork()
    if pid:
        os.write(numbers, str(pid).encode().ljust(RECORD))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.write(numbers, str(code).encode().ljust(RECORD))
        os._exit(0)
    os.close(numbers)
    os.dup2(out, 1), os.dup2(err, 2)
    for file in (out, err):
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    # A new process draws these anew.
    random.seed()
    importlib.import_module("numpy").random.seed()
    return request


def main() -> None:
    """Wait for commands, and be one."""
    if os.environ[DEVICE]:
        importlib.import_module("pretend_gpu.pretend").install()
    sys.path.pop(0)  # the folder of this file, which is none of a console script's
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _preload()
        request = _serve(connection)
    if request:
        sys.argv = request["words"]
        if "prepare" in request:
            sys.path[:] = request["path"]
            pickle.loads(base64.b64decode(request["prepare"]))()
        scripts = importlib.import_module("train_teacher.cli.main")
        _run(getattr(scripts, Path(sys.argv[0]).name.replace("-", "_")))


def _run(script: Callable[[], None]) -> None:
    """Run a console script, and end as Python does but for one thing.

    It would take apart every module: each page of this process that a fork has in common with its
    parent would be copied for it, which is most of what a short command costs.
    """
    code: Any = None
    try:
        script()
    except SystemExit as stop:
        code = stop.code
        if not isinstance(code, int):
            raise
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    main()

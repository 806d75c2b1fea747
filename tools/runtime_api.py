"""Lambda's Runtime API on loopback, and functions that ask it, run by the client that Lambda's Python runtime has.

A function is a process of its own, which finds the folders it is given, the standard library and the runtime's own
modules, and nothing else. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from json import dumps, loads
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic, time
from typing import Any, override

_VERSION = "/2018-06-01/runtime"
_RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
_START = """
import sys
path, sys.argv = sys.argv[1:], ["awslambdaric", "handler.handler"]
sys.path[:0] = path
from runpy import run_module
run_module("awslambdaric", run_name="__main__")
"""
_SECONDS = 30.0
_LOOK = 0.1
_LAMBDA = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "PATH": os.defpath,
}


class FunctionError(Exception):
    """A function could not initialise, restore or answer; the message is what it told Lambda."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A request of the function: ``response``, or one of the ways to fail."""

    what: str
    body: Any


@dataclass(frozen=True, slots=True)
class RunningFunction:
    """A function's process, and what it and Lambda say to each other."""

    process: subprocess.Popen[bytes]
    log: Path
    snapshot: Event = field(default_factory=Event)
    restore: Event = field(default_factory=Event)
    events: Queue[Any] = field(default_factory=Queue)
    told: Queue[_Told] = field(default_factory=Queue)
    started: float = field(default_factory=monotonic)

    def wait_for_snapshot(self) -> None:
        """Until the function asks to be restored, which it does once the hooks before the snapshot have run.

        Raises:
            FunctionError: When it does not.
        """
        while not self.snapshot.wait(_LOOK):
            if not self.told.empty():
                raise FunctionError(f"{self.told.get()}")
            self._check()

    def invoke(self, event: Any) -> Any:
        """What the function returns.

        Raises:
            FunctionError: When it raises, has not initialised or ends.
        """
        self.events.put(event)
        while True:
            with suppress(Empty):
                told = self.told.get(timeout=_LOOK)
                break
            self._check()
        if told.what != "response":
            raise FunctionError(f"{told.what}: {told.body}")
        return told.body

    def _check(self) -> None:
        if self.told.empty() and (self.process.poll() is not None or monotonic() > self.started + _SECONDS):
            raise FunctionError(f"it ended ({self.process.poll()}) or takes too long: {self.log.read_text()}")


@contextmanager
def running(path: Sequence[Path], environment: Mapping[str, str], *, snapshot: bool) -> Iterator[RunningFunction]:
    """Start the function of ``path[0]`` with the other folders beside it, until the block ends.

    With ``snapshot`` Lambda takes one: the function is initialised, waits in ``restore/next``, and is restored when
    ``restore`` is set. Invoking does not set it.
    """
    with TemporaryDirectory() as folder:
        runtime = Path(folder) / "runtime"
        runtime.mkdir()
        _link_runtime(runtime)
        log = Path(folder) / "log"
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
        own = _LAMBDA | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if snapshot else "on-demand",
            "LAMBDA_TASK_ROOT": str(path[0]),
        }
        command = [sys.executable, "-I", "-S", "-B", "-c", _START, *map(str, (*path, runtime))]
        with log.open("wb") as output, server:
            process = subprocess.Popen(command, env={**environment, **own}, stdout=output, stderr=output)  # noqa: S603
            function = RunningFunction(process, log)
            server.RequestHandlerClass.function = function  # type: ignore[attr-defined]
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            try:
                yield function
            finally:
                process.kill()
                process.wait()
                function.restore.set()
                function.events.put(None)
                server.shutdown()


def _link_runtime(folder: Path) -> None:
    """The runtime's own modules, without what else is installed beside them."""
    for name in _RUNTIME:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise FunctionError(f"{name} is not installed")
        origin = Path(spec.origin)
        module = origin.parent if spec.submodule_search_locations else origin
        (folder / module.name).symlink_to(module)


class _Handler(BaseHTTPRequestHandler):
    function: RunningFunction
    protocol_version = "HTTP/1.1"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the function's own log is what counts."""

    @override
    def handle(self) -> None:
        with suppress(ConnectionError):  # the function has ended
            super().handle()

    def do_GET(self) -> None:
        """The next event, or to be restored: either comes when it is there."""
        if self.path == f"{_VERSION}/restore/next":
            self.function.snapshot.set()
            self.function.restore.wait()
            self._answer(HTTPStatus.OK)
        else:
            if (event := self.function.events.get()) is None:  # nobody is there any more
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": "8a0c1c1e-5d5b-4b0e-9a39-5d1f3b6d7c55",
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
                "Content-Type": "application/json",  # the client ends where there is none
                "Lambda-Runtime-Deadline-Ms": str(int((time() + _SECONDS) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:function:live",
            }
            self._answer(HTTPStatus.OK, dumps(event).encode(), headers)

    def do_POST(self) -> None:
        """An answer, or what went wrong: ``error``, ``init/error``, ``restore/error``."""
        body = self.rfile.read(int(self.headers["content-length"]))
        what = self.path.removeprefix(f"{_VERSION}/")
        what = what.rpartition("/")[2] if what.startswith("invocation/") else what
        self._answer(HTTPStatus.ACCEPTED)
        self.function.told.put(_Told(what, loads(body)))

    def _answer(self, status: HTTPStatus, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

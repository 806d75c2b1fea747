"""An AWS whose transactions are atomic under threads: ministack, in a virtual environment of its own.

It pins a botocore of its own and so cannot stand beside ours: ``make ministack`` installs it into ``.ministack/``.
``MINISTACK_ENDPOINT`` names one that runs already.
"""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest

from local.aws import create_all, environment
from tests.support.aws import Aws, point_to

_PROGRAM = Path(__file__).parents[2] / ".ministack" / "bin" / "ministack"
_LISTENS = "Running on http"


def ministack_is_there() -> bool:
    """Whether it runs or can be started."""
    return "MINISTACK_ENDPOINT" in os.environ or _PROGRAM.exists()


@pytest.fixture(scope="session")
def ministack_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if endpoint := os.environ.get("MINISTACK_ENDPOINT"):
        yield endpoint
        return
    if not ministack_is_there():
        pytest.skip("ministack is not installed: `make ministack` does it")
    port = _free_port()
    env = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "dynamodb,secretsmanager,sqs",
        "TMPDIR": str(tmp_path_factory.mktemp("ministack")),
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen([_PROGRAM], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        if not any(_LISTENS in line for line in process.stdout):
            pytest.fail("ministack ended before it listened")
        Thread(target=process.stdout.read, daemon=True).start()  # it would stop at a full pipe
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def ministack(ministack_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Tables, queues and secrets of this test alone."""
    env: Mapping[str, str] = environment(ministack_endpoint, suffix=f"-{uuid4().hex[:8]}")
    create_all(env)
    yield from point_to(env, monkeypatch)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

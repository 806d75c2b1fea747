"""The process that Lambda starts for a function that streams, asked as the Lambda Web Adapter asks it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, time

import httpx
import pytest

from local.__main__ import free_port
from tests.integration.test_pipeline import chunk, days
from tests.support.aws import Aws, add_tenant
from tests.support.provider import Gate, ProviderServer

_ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_HELLO = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}


@pytest.fixture
def served(bundle: Aws) -> Iterator[httpx.Client]:
    port, function = free_port(), _ROOT / "functions" / "invoke_chat"
    own = {"LAMBDA_TASK_ROOT": str(function), "AWS_LWA_PORT": str(port), "ALLOW_PRIVATE_PROVIDERS": "true"}
    command = [str(_ROOT / "layers" / "shared" / "bin" / "serve"), sys.executable, "/var/runtime/bootstrap.py"]
    with subprocess.Popen(command, cwd=function, env=os.environ | bundle.env | own) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE) as client:
                until_ready(client)
                yield client
        finally:
            process.terminate()


def until_ready(client: httpx.Client) -> None:
    """The adapter's own check: it asks until somebody listens."""
    end = monotonic() + _PATIENCE
    while True:
        try:
            client.get("/")
        except httpx.ConnectError:
            assert monotonic() < end
        else:
            return


def adapters(tenant_id: str | None) -> dict[str, str]:
    about = {
        "resourcePath": "/v1/chat/completions",
        "httpMethod": "POST",
        "requestId": "api-1",
        "authorizer": {"tenant_id": tenant_id, "principalId": tenant_id},
    }
    lambda_context = {"request_id": "lambda-1", "deadline": int(time() * 1000) + 60_000}
    return {
        "x-amzn-request-context": json.dumps(about if tenant_id else None),
        "x-amzn-lambda-context": json.dumps(lambda_context),
    }


def test_the_process_streams_and_counts(bundle: Aws, provider: ProviderServer, served: httpx.Client) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    gate = Gate()
    provider.stream(chunk("Hel"), gate, chunk("lo", usage=_USAGE), b"data: [DONE]\n\n")

    with served.stream("POST", "/v1/chat/completions", headers=adapters("acme"), json=_HELLO) as answer:
        lines = answer.iter_lines()
        first = next(line for line in lines if "Hel" in line)
        held = not gate.event.is_set()
        gate.open()
        rest = [line for line in lines if line]

    assert (answer.status_code, held, rest[-1]) == (200, True, "data: [DONE]")
    assert json.loads(first.removeprefix("data: "))["model"] == "gpt-4@OpenAI"
    assert answer.headers["x-request-id"] == "api-1"
    assert [(day.calls, day.total_tokens) for day in days()] == [(1, 18)]


def test_another_function_streams_by_the_adapters_own_path(
    bundle: Aws, provider: ProviderServer, served: httpx.Client
) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.stream(chunk("Hello", usage=_USAGE), b"data: [DONE]\n\n")

    answer = served.post("/events", headers=adapters(None), json={"tenant_id": "acme", **_HELLO})

    assert answer.text.endswith("data: [DONE]\n\n")
    assert [(day.calls, day.total_tokens) for day in days()] == [(1, 18)]


def test_the_adapter_tells_of_a_snapshot_and_a_caller_cannot(served: httpx.Client) -> None:
    paths = ("/snapshot/before", "/snapshot/after")

    told = [served.post(path).status_code for path in paths]
    forged = [served.post(path, headers=adapters("acme")).status_code for path in paths]
    read = [served.get(path).status_code for path in paths]

    assert (told, forged, read) == ([204, 204], [400, 400], [404, 404])  # a caller asks the route, without a body

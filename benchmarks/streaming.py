"""``python -m benchmarks.streaming``: what a stream loses on its way through us, against a call of the provider itself.

A provider on loopback sends a chunk every few milliseconds. A client asks it directly and through the API in turn, in
one process for each of the three, and notes when chunks arrive: the time to the first, and how much later than it was
sent each one comes (a chunk carries the provider's clock). Then it hangs up on a provider that has fallen silent, and
waits for the settlement.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from statistics import median
from threading import Event
from time import monotonic, perf_counter, time_ns

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from local.__main__ import free_port, serve
from local.aws import embedded_aws
from local.server import application
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel

_HOST = "127.0.0.1"
_TENANT, _NAME = "bench", "m"
_USAGE = {"prompt_tokens": 5, "completion_tokens": 100, "total_tokens": 105}


def provider(chunks: int, pause: float) -> Starlette:
    """OpenAI's wire: chunks that tell when they were sent; a question that says "silence" stops after the first."""

    async def pieces(*, silent: bool) -> AsyncIterator[str]:
        for number in range(chunks):
            choice = {"index": 0, "delta": {"content": f"{time_ns()} "}, "finish_reason": None}
            yield f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n"
            await anyio.sleep(3600 if silent and number == 0 else pause)
        yield f"data: {json.dumps({'id': 'c', 'choices': [], 'usage': _USAGE})}\n\ndata: [DONE]\n\n"

    async def chat(request: Request) -> StreamingResponse:
        silent = "silence" in str((await request.json())["messages"])
        return StreamingResponse(pieces(silent=silent), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


def arrivals(client: httpx.Client, url: str, key: str) -> tuple[float, list[float]]:
    """Milliseconds to the first chunk, and of each chunk how many after it was sent."""
    body = {"model": _NAME, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    began, first, late = perf_counter(), 0.0, []
    with client.stream(
        "POST", f"{url}/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
    ) as answer:
        for line in answer.iter_lines():
            if '"content": "1' in line or '"content":"1' in line:
                sent = int(json.loads(line.removeprefix("data: "))["choices"][0]["delta"]["content"])
                late.append((time_ns() - sent) / 1e6)
                first = first or (perf_counter() - began) * 1000
    return first, late


@contextmanager
def settlements() -> Iterator[Event]:
    """An event that is set when a call has been booked."""
    ledger, booked = bootstrap.usage_repository(), Event()
    settle = ledger.settle

    def noted(*arguments: object, **named: object) -> object:
        outcome = settle(*arguments, **named)  # type: ignore[arg-type]
        booked.set()
        return outcome

    ledger.settle = noted  # type: ignore[method-assign, assignment]
    yield booked
    ledger.settle = settle  # type: ignore[method-assign]


def hung_up(client: httpx.Client, url: str, key: str) -> float:
    """Milliseconds from hanging up on a silent provider to the settlement."""
    body = {"model": _NAME, "messages": [{"role": "user", "content": "silence"}], "stream": True}
    with settlements() as booked:
        with client.stream(
            "POST", f"{url}/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        ) as answer:
            next(line for line in answer.iter_lines() if "content" in line)
        began = monotonic()
        booked.wait(30)
        return (monotonic() - began) * 1000


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if arguments.provider:
        serve(provider(arguments.chunks, arguments.pause / 1000), arguments.provider)
        Event().wait()
    port = free_port()
    own = [sys.executable, "-m", "benchmarks.streaming", "--provider", str(port)]
    options = ["--chunks", str(arguments.chunks), "--pause", str(arguments.pause)]
    with subprocess.Popen([*own, *options]) as process, embedded_aws() as env:  # noqa: S603 - ourselves
        try:
            os.environ.update(env | {"ALLOW_PRIVATE_PROVIDERS": "true", "HTTP_TIMEOUT_MILLIS": "600000"})
            _measure(f"http://{_HOST}:{port}/v1", arguments.runs)
        finally:
            process.terminate()


def _measure(direct: str, runs: int) -> None:
    service = bootstrap.tenant_models_service()
    service.create("Benchmark", _TENANT)
    service.register(TenantModel(_TENANT, _NAME, "OpenAI-API-Compatible", ModelType.CHAT, api_base=direct), "key")
    service.set_defaults(_TENANT, {ModelType.CHAT: f"{_NAME}@OpenAI-API-Compatible"})
    token, _ = service.issue_token(_TENANT, "benchmark")
    through = f"http://{_HOST}:{serve(application(), free_port())}/v1"
    firsts: dict[str, list[float]] = {direct: [], through: []}
    lates: dict[str, list[float]] = {direct: [], through: []}
    with httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=20)) as client:
        for run in range(runs + 1):
            for url, key in ((direct, "key"), (through, token)):
                first, late = arrivals(client, url, key)
                if run:  # the first run warms up
                    firsts[url].append(first)
                    lates[url] += late
        silent = [hung_up(client, through, token) for _ in range(runs)]
    _print("time to the first chunk", firsts[direct], firsts[through])
    _print("chunk late by", lates[direct], lates[through])
    print(f"hang-up to settlement: median {median(silent):.0f} ms, most {max(silent):.0f} ms")


def _print(what: str, direct: list[float], through: list[float]) -> None:
    one, other = median(direct), median(through)
    print(f"{what}: direct {one:.2f} ms, through us {other:.2f} ms (+{other - one:.2f} ms, x{other / one:.2f})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="streams of each kind (default: 10)")
    parser.add_argument("--chunks", type=int, default=100, help="chunks of a stream (default: 100)")
    parser.add_argument("--pause", type=float, default=10, help="milliseconds between two chunks (default: 10)")
    parser.add_argument("--provider", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()

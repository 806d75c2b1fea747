"""A caller that closes its connection while a provider still speaks or writes."""

import json
from queue import Queue
from typing import Any

import httpx
import pytest

from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.usage import Usage
from tests.e2e.conftest import Shop
from tests.support.provider import Gate, ProviderServer

_SECONDS = 2.0
"""Longest wait for what is due within a second: the machine may be busy."""

_DELTA = {"type": "transcript.text.delta", "delta": "Hello wor"}


@pytest.mark.parametrize(
    ("path", "sent", "first", "usage"),
    [
        (
            "speech",
            {"json": {"model": "my-tts", "input": "Hello"}},
            b"ID3",
            Usage(2, native={"characters": 5}, estimated=True),
        ),
        (
            "transcriptions",
            {"files": {"file": ("a.wav", b"RIFF")}, "data": {"stream": "true"}},
            f"data: {json.dumps(_DELTA)}\n\n".encode(),
            Usage(output_tokens=3, estimated=True),
        ),
    ],
)
def test_a_caller_that_hangs_up_is_settled_while_the_provider_is_silent(
    shop: Shop,
    provider: ProviderServer,
    booked: Queue[Settlement],
    path: str,
    sent: dict[str, Any],
    first: bytes,
    usage: Usage,
) -> None:
    provider.stream(first, Gate(), content_type="audio/mpeg" if path == "speech" else "text/event-stream")

    with httpx.stream("POST", f"{shop.url}/v1/audio/{path}", headers=shop.headers, timeout=10, **sent) as answer:
        assert next(answer.iter_bytes())

    settlement = booked.get(timeout=_SECONDS)
    assert (settlement.status, settlement.usage) == ("client_disconnected", usage)
    assert booked.empty()


@pytest.mark.parametrize(
    ("path", "sent", "usage"),
    [
        ("speech", {"json": {"input": "Hello"}}, Usage(2, native={"characters": 5}, estimated=True)),
        ("transcriptions", {"files": {"file": ("a.wav", b"RIFF")}, "data": {"stream": "true"}}, Usage(estimated=True)),
        ("transcriptions", {"files": {"file": ("a.wav", b"RIFF")}}, Usage(estimated=True)),
    ],
    ids=["speech", "streamed transcript", "transcript"],
)
def test_a_caller_that_hangs_up_before_anything_comes_is_settled_with_what_it_asked(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement], path: str, sent: dict[str, Any], usage: Usage
) -> None:
    provider.hang()

    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{shop.url}/v1/audio/{path}", headers=shop.headers, timeout=httpx.Timeout(10, read=0.2), **sent)

    settlement = booked.get(timeout=_SECONDS)
    assert (settlement.status, settlement.usage) == ("client_disconnected", usage)

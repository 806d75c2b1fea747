"""Streams from the provider's socket to the caller's, and what the accounts say however they end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any

import httpx
import pytest
from openai import APIError, OpenAI

from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus, Settlement
from tests.e2e.conftest import Shop
from tests.support.provider import Cut, Gate, ProviderServer

_HELLO: list[Any] = [{"role": "user", "content": "Hi there"}]
_USAGE = {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}
_DONE = b"data: [DONE]\n\n"
_PATIENCE = 10


def chunk(content: str = "", finish_reason: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'id': 'c', 'choices': [choice]} | fields)}\n\n".encode()


def booked_as(booked: Queue[Settlement]) -> tuple[CallStatus, int, int, bool]:
    """Status, input and output tokens of the one call, and whether they are estimated."""
    only = booked.get(timeout=_PATIENCE)
    assert booked.empty()
    return only.status, only.usage.input_tokens, only.usage.output_tokens, only.usage.estimated


@contextmanager
def streamed(shop: Shop, **body: Any) -> Iterator[Iterator[str]]:
    """The data of the events, as they arrive."""
    with (
        httpx.Client(timeout=_PATIENCE) as http,
        http.stream(
            "POST",
            f"{shop.url}/v1/chat/completions",
            headers=shop.headers,
            json={"messages": _HELLO, "stream": True, **body},
        ) as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream"
        yield (line.removeprefix("data: ") for line in answer.iter_lines() if line)


def texts(events: list[str]) -> str:
    choices = [choice for event in events if event != "[DONE]" for choice in json.loads(event).get("choices", [])]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_the_first_word_arrives_before_the_providers_last(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    gates = [Gate(), Gate()]
    provider.stream(
        chunk("Hel"), gates[0], chunk("lo"), gates[1], chunk(finish_reason="stop"), chunk(usage=_USAGE), _DONE
    )

    arrived: list[str] = []
    with streamed(shop) as events:
        for gate in gates:
            while len(texts(arrived)) < 3 * (1 + gates.index(gate)) - gates.index(gate):
                arrived.append(next(events))
            assert not gate.event.is_set()
            assert booked.empty()
            gate.open()
        arrived += events

    roles = [json.loads(event)["choices"][0]["delta"].get("role") for event in arrived[:2]]
    assert (texts(arrived), arrived[-1], roles) == ("Hello", "[DONE]", ["assistant", None])
    assert booked_as(booked) == ("ok", 8, 3, False)
    assert shop.used(ModelType.CHAT) == 11


def test_the_call_is_booked_before_the_last_byte_leaves(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    provider.stream(chunk("Hello", "stop"), chunk(usage=_USAGE), _DONE)

    with streamed(shop) as events:
        settled = [booked.qsize() for event in events if event == "[DONE]"]

    assert settled == [1]


@pytest.mark.parametrize("asked", [None, False, True])
def test_the_chunk_of_usage_is_for_those_who_asked(shop: Shop, provider: ProviderServer, *, asked: bool | None) -> None:
    provider.stream(chunk("Hello", "stop"), chunk(usage=_USAGE), _DONE)

    with streamed(shop, **({} if asked is None else {"stream_options": {"include_usage": asked}})) as events:
        told = [json.loads(event) for event in events if event != "[DONE]"]

    assert provider.requests[0].json["stream_options"] == {"include_usage": True}
    usages = [event["usage"] for event in told if event.get("usage")]
    assert [usage["total_tokens"] for usage in usages] == ([11] if asked else [])
    assert all("usage" in event for event in told) == bool(asked)


def test_tool_calls_stream_to_the_official_client(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    def piece(**call: Any) -> bytes:
        delta = {"tool_calls": [{"index": 0, **call}]}
        return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n".encode()

    provider.stream(
        chunk("Let me see. "),
        piece(id="call_1", type="function", function={"name": "weather", "arguments": ""}),
        piece(function={"arguments": '{"city": '}),
        piece(function={"arguments": '"Oslo"}'}),
        chunk(finish_reason="tool_calls"),
        chunk(usage=_USAGE),
        _DONE,
    )
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}

    with client.chat.completions.stream(
        model="my-chat", messages=_HELLO, tools=[tool], stream_options={"include_usage": True}
    ) as stream:
        whole = stream.get_final_completion()

    (choice,) = whole.choices
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "weather", '{"city": "Oslo"}')
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me see. ")
    assert whole.usage is not None
    assert whole.usage.total_tokens == shop.used(ModelType.CHAT) == 11


def test_a_caller_that_hangs_up_stops_a_silent_provider_and_pays_for_what_it_got(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    held = Gate()
    provider.stream(chunk("Hello there."), held, *[chunk("x" * 65536)] * 100, _DONE)

    with streamed(shop) as events:
        while not texts([next(events)]):
            continue

    assert booked_as(booked) == ("client_disconnected", 2, 3, True)
    assert not held.event.is_set()
    held.open()
    assert provider.hung_up.wait(_PATIENCE)


def test_a_caller_that_hangs_up_before_a_word_pays_for_its_question(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement]
) -> None:
    asked = provider.hang()

    with httpx.Client(timeout=0.5) as http, pytest.raises(httpx.ReadTimeout):
        http.post(f"{shop.url}/v1/chat/completions", headers=shop.headers, json={"messages": _HELLO, "stream": True})

    assert booked_as(booked) == ("client_disconnected", 2, 0, True)
    asked.open()


@pytest.mark.parametrize(
    ("break_off", "message"),
    [
        (lambda: [Cut()], "broke"),
        (lambda: [b'data: {"error": {"message": "overloaded", "type": "overloaded_error"}}\n\n'], "overloaded"),
        (lambda: [b"data: {broken\n\n"], "not JSON"),
    ],
    ids=["cut", "error event", "nonsense"],
)
def test_an_error_after_the_first_word_is_an_event_and_the_end(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement], break_off: Callable[[], list[Any]], message: str
) -> None:
    provider.stream(chunk("Hello there."), *break_off())

    with streamed(shop) as events:
        told = list(events)

    assert texts(told[:-1]) == "Hello there."
    assert message in json.loads(told[-1])["error"]["message"]
    assert booked_as(booked) == ("interrupted", 2, 3, True)


def test_an_error_in_a_stream_is_an_exception_of_the_official_client(client: OpenAI, provider: ProviderServer) -> None:
    provider.stream(chunk("Hello"), Cut())
    got: list[Any] = []

    with pytest.raises(APIError, match="broke"):
        got.extend(client.chat.completions.create(model="my-chat", messages=_HELLO, stream=True))

    assert "".join(piece.choices[0].delta.content or "" for piece in got) == "Hello"


@pytest.mark.parametrize("status", [400, 401, 429, 503])
def test_an_error_before_the_first_word_is_an_ordinary_answer(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement], status: int
) -> None:
    provider.reply({"error": {"message": "no"}}, status=status, headers={"retry-after": "100"})

    with httpx.Client(timeout=_PATIENCE) as http:
        answer = http.post(
            f"{shop.url}/v1/chat/completions", headers=shop.headers, json={"messages": _HELLO, "stream": True}
        )

    assert answer.status_code == {400: 400, 401: 502, 429: 429, 503: 502}[status]
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["message"]
    assert booked.empty()


def test_a_deadline_ends_a_stream_with_an_event_and_is_settled(
    shop: Shop, provider: ProviderServer, booked: Queue[Settlement], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_TIMEOUT_MILLIS", "1600")  # less the second that is kept for settling
    from tenant_llm.settings import settings

    settings.cache_clear()
    held = Gate()
    provider.stream(chunk("Hello there."), held)

    with streamed(shop) as events:
        told = list(events)
    held.open()

    assert json.loads(told[-1])["error"]["code"] == "deadline_exceeded"
    assert booked_as(booked) == ("interrupted", 2, 3, True)


@pytest.mark.not_on_stack("there is no adapter")
def test_a_forged_header_of_the_adapter_is_refused(shop: Shop, provider: ProviderServer) -> None:
    forged = {"x-amzn-request-context": json.dumps({"authorizer": {"tenant_id": "other"}})}

    with httpx.Client(timeout=_PATIENCE) as http:
        answer = http.post(
            f"{shop.url}/v1/chat/completions", headers={**shop.headers, **forged}, json={"messages": _HELLO}
        )

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-amzn-request-context")
    assert provider.requests == []


def test_one_idempotency_key_of_a_stream_is_counted_once(shop: Shop, provider: ProviderServer) -> None:
    provider.stream(chunk("Hello", "stop"), chunk(usage=_USAGE), _DONE)

    with httpx.Client(timeout=_PATIENCE) as http:
        for _ in range(2):
            http.post(
                f"{shop.url}/v1/chat/completions",
                headers={**shop.headers, "idempotency-key": "order-18"},
                json={"messages": _HELLO, "stream": True},
            ).read()

    today = datetime.now(UTC).date()
    days = bootstrap.usage_repository().days(shop.tenant_id, today - timedelta(days=1), today)
    assert [(day.calls, day.total_tokens) for day in days] == [(1, 11)]

"""Answers that are jobs: created, asked for, streamed, cancelled; what is sent and what is booked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenant_llm import bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import DeadlineExceeded, ProviderError, TenantLLMError
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.services.chat import ChatService
from tenant_llm.services.invocation import Invocation
from tests.support.aws import Aws, add_tenant
from tests.support.provider import Cut, ProviderServer

_ADDRESS = "meta/meta-llama-3-8b-instruct@Replicate"
_REQUEST = ChatRequest([{"role": "user", "content": "Hi there"}])
_METRICS = {"input_token_count": 11, "output_token_count": 7}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chat(bundle: Aws, provider: ProviderServer, clock: Clock) -> ChatService:
    add_tenant(bundle.settings, address=_ADDRESS, api_base=f"{provider.url}/v1")
    found = bootstrap.resolution(), bootstrap.secret_store()
    booked = bootstrap.usage_service(), bootstrap.budget_service()
    return ChatService(
        Invocation(*found, bootstrap.transport(), *booked, bootstrap.circuits(), bootstrap.tracing(), sleep=clock.sleep)
    )


def caller(clock: Callable[[], float], seconds: float = 60) -> Caller:
    return Caller("acme", "r-1", Deadline.after(seconds, clock))


def prediction(status: str, provider: ProviderServer | None = None, **fields: Any) -> dict[str, Any]:
    urls = {"stream": f"{provider.url}/stream"} if provider else {}
    return {"id": "p1", "status": status, "urls": urls, **fields}


def event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def asked(provider: ProviderServer) -> list[str]:
    return [f"{request.method} {request.path}" for request in provider.requests]


def days() -> list[DayUsage]:
    today = datetime.now(UTC).date()
    return bootstrap.usage_repository().days("acme", today - timedelta(days=1), today)


_CREATE = "POST /v1/models/meta/meta-llama-3-8b-instruct/predictions"
_POLL, _CANCEL = "GET /v1/predictions/p1", "POST /v1/predictions/p1/cancel"


def test_a_job_is_asked_for_until_it_is_done_and_booked_once(
    chat: ChatService, provider: ProviderServer, clock: Clock
) -> None:
    for status in ("starting", "starting", "processing"):
        provider.reply(prediction(status), status=201 if status == "starting" else 200)
    provider.reply(prediction("succeeded", output=["Hel", "lo"], metrics=_METRICS))

    result = chat.invoke(caller(clock), _ADDRESS, _REQUEST)

    assert result.text == "Hello"
    assert asked(provider) == [_CREATE, _POLL, _POLL, _POLL]
    assert [request.headers["authorization"] for request in provider.requests] == ["Bearer sk-of-acme-0123456789"] * 4
    assert clock.pauses == [0.2, 0.3, 0.5]
    assert [(day.calls, day.input_tokens, day.output_tokens) for day in days()] == [(1, 11, 7)]


def test_a_job_that_is_done_at_once_is_not_asked_for(chat: ChatService, provider: ProviderServer, clock: Clock) -> None:
    provider.reply(prediction("succeeded", output="Hello", metrics=_METRICS), status=201)

    assert chat.invoke(caller(clock), _ADDRESS, _REQUEST).text == "Hello"
    assert asked(provider) == [_CREATE]


def test_a_job_beyond_the_deadline_is_cancelled_and_not_booked(
    chat: ChatService, provider: ProviderServer, clock: Clock
) -> None:
    provider.reply(prediction("processing"))

    with pytest.raises(DeadlineExceeded, match="did not finish its job in time"):
        chat.invoke(caller(clock, seconds=10), _ADDRESS, _REQUEST)

    assert clock.pauses == [0.2, 0.3, 0.5, 0.8, 1.3, 2.0, 2.0, 2.0]
    assert asked(provider) == [_CREATE, *[_POLL] * 8, _CANCEL]
    assert days() == []


@pytest.mark.parametrize(
    ("answer", "status", "cancelled"),
    [
        (prediction("failed", error="out of memory"), 200, False),
        ({"detail": "no such prediction", "status": 404}, 404, True),
        ({"hello": "there"}, 200, False),
    ],
    ids=["failed", "refused", "nonsense"],
)
def test_a_job_that_fails_is_not_booked(
    chat: ChatService, provider: ProviderServer, clock: Clock, answer: Any, status: int, *, cancelled: bool
) -> None:
    provider.reply(prediction("starting"))
    provider.reply(answer, status=status)

    with pytest.raises(ProviderError):
        chat.invoke(caller(clock), _ADDRESS, _REQUEST)

    assert asked(provider) == [_CREATE, _POLL, *[_CANCEL] * cancelled]
    assert [(day.calls, day.errors, day.total_tokens) for day in days()] == [(0, 1, 0)]


def test_a_job_streams_and_its_usage_is_asked_for_afterwards(
    chat: ChatService, provider: ProviderServer, clock: Clock
) -> None:
    provider.reply(prediction("starting", provider))
    provider.stream(event("output", "Hel"), event("output", "lo"), event("done", "{}"))
    provider.reply(prediction("processing", provider))
    provider.reply(prediction("succeeded", provider, output=["Hel", "lo"], metrics=_METRICS))

    deltas = list(chat.stream(caller(clock), _ADDRESS, _REQUEST))

    assert [delta.text for delta in deltas] == ["Hel", "lo", "", ""]
    assert [delta.finish_reason for delta in deltas] == [None, None, "stop", None]
    usage = deltas[-1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (11, 7, False)
    assert asked(provider) == [_CREATE, "GET /stream", _POLL, _POLL]
    assert json.loads(provider.requests[0].body)["stream"] is True
    assert [(day.calls, day.total_tokens, day.estimated_tokens) for day in days()] == [(1, 18, 0)]


def test_a_job_without_a_stream_comes_in_one_piece(chat: ChatService, provider: ProviderServer, clock: Clock) -> None:
    provider.reply(prediction("starting"))
    provider.reply(prediction("succeeded", output=["Hel", "lo"], metrics=_METRICS))

    deltas = list(chat.stream(caller(clock), _ADDRESS, _REQUEST))

    assert [(delta.text, delta.finish_reason) for delta in deltas] == [("Hello", "stop"), ("", None)]
    assert [(day.calls, day.total_tokens, day.estimated_tokens) for day in days()] == [(1, 18, 0)]


def test_a_stream_whose_report_is_lost_is_complete_and_estimated(
    chat: ChatService, provider: ProviderServer, clock: Clock
) -> None:
    provider.reply(prediction("starting", provider))
    provider.stream(event("output", "Hello"), event("done", "{}"))
    provider.reply({"detail": "gone"}, status=404)

    deltas = list(chat.stream(caller(clock), _ADDRESS, _REQUEST))

    assert deltas[-1].usage is not None
    assert deltas[-1].usage.estimated
    assert [(day.calls, day.total_tokens, day.estimated_tokens) for day in days()] == [(1, 4, 4)]


def test_a_caller_that_hangs_up_cancels_the_job_and_pays_for_what_it_got(
    chat: ChatService, provider: ProviderServer, clock: Clock
) -> None:
    provider.reply(prediction("starting", provider))
    provider.stream(event("output", "Hello"), event("output", "more"), event("done", "{}"))
    provider.reply(prediction("canceled"))

    deltas = chat.stream(caller(clock), _ADDRESS, _REQUEST)
    first: ChatDelta = next(deltas)
    deltas.close()

    assert first.text == "Hello"
    assert asked(provider)[-1] == _CANCEL
    assert [(day.calls, day.estimated_tokens) for day in days()] == [(1, 4)]


def test_a_stream_that_breaks_off_cancels_the_job_and_is_booked_as_far_as_it_went(
    chat: ChatService, provider: ProviderServer, clock: Clock
) -> None:
    provider.reply(prediction("starting", provider))
    provider.stream(event("output", "Hello"), Cut())
    provider.reply(prediction("canceled"))

    deltas = chat.stream(caller(clock), _ADDRESS, _REQUEST)
    with pytest.raises(TenantLLMError):
        list(deltas)

    assert asked(provider)[-1] == _CANCEL
    assert [(day.calls, day.estimated_tokens) for day in days()] == [(1, 4)]

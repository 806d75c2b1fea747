"""What calls tell: one message to a queue, beside the settlement, and nothing to Langfuse."""

import json
from importlib import import_module
from threading import Event
from time import monotonic
from typing import Any

import pytest
from botocore.client import BaseClient

from local.queue import deliver
from tenant_llm import LLM4Tenant, bootstrap
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.trace import CONTENTS
from tenant_llm.services import tracing
from tests.support.aws import Aws, add_tenant
from tests.support.functions import directly
from tests.support.langfuse import LangfuseServer, Span
from tests.support.provider import Cut, ProviderServer

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_SECRET = "write to jane@example.com"
_ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "To 203.0.113.7"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
_EVENT: dict[str, Any] = {
    "tenant_id": "acme",
    "request_id": "mine",
    "messages": [{"role": "user", "content": _SECRET}],
    "temperature": 0.5,
    "stop": "jane@example.com",
    "trace": {"trace_id": _TRACE, "parent_id": "00f067aa0ba902b7", "session_id": "s", "user_id": "u"},
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_SECONDS", 20)


@pytest.fixture
def traced(bundle: Aws, provider: ProviderServer, langfuse: LangfuseServer) -> Aws:
    """``acme`` has a model and a Langfuse."""
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    keys = {"public_key": "pk-1", "secret_key": "sk-1", "host": langfuse.url}
    bootstrap.tenant_models_service().put_credential("acme", "langfuse", keys)
    return bundle


def chat(**fields: Any) -> Any:
    return directly(import_module("functions.invoke_chat.handler").handler, _EVENT | fields)


def told(aws: Aws, langfuse: LangfuseServer) -> list[Span]:
    """What is in the queue, brought to Langfuse."""
    assert langfuse.server.requests == []  # until now nobody has asked it anything
    while deliver(aws.env, "export_traces")[0]:
        continue
    return langfuse.spans


def frames(*texts: str) -> list[bytes]:
    deltas = [{"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts]
    return [f"data: {json.dumps(delta)}\n\n".encode() for delta in deltas]


def test_a_call_is_told_with_one_message_more(traced: Aws, provider: ProviderServer, langfuse: LangfuseServer) -> None:
    provider.reply(_ANSWER)
    chat()
    while deliver(traced.env, "export_traces")[0]:
        continue
    langfuse.server.requests.clear()
    operations: list[str] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        operations.append(operation)
        return call(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noted)
        answer = chat(request_id="other")

    assert answer["choices"][0]["message"]["content"] == "To 203.0.113.7"
    assert sorted(operations) == ["SendMessage", "TransactWriteItems"]
    (span,) = told(traced, langfuse)
    assert (span.trace_id, span.parent_id, span.name) == (_TRACE, "00f067aa0ba902b7", "chat gpt-4")
    assert span.json("input") == [{"role": "user", "content": _SECRET}]
    assert span.json("output") == {"role": "assistant", "content": "To 203.0.113.7"}
    assert span.json("model.parameters") == {"temperature": 0.5, "stop": "jane@example.com"}
    assert span.json("usage_details") == {"input": 11, "output": 7, "total": 18}
    assert span.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert (span.attributes["session.id"], span.attributes["user.id"]) == ("s", "u")
    assert span.end > span.start
    sent = provider.requests[-1].json
    assert "trace" not in sent
    assert sent["messages"] == _EVENT["messages"]


def test_whoever_has_no_langfuse_sends_nothing(bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)

    chat()

    assert deliver(bundle.env, "export_traces") == (0, 0)
    queue = bootstrap.tracing()._queue
    assert queue is not None
    assert queue._made is None


@pytest.mark.parametrize("content", CONTENTS)
def test_a_tenant_says_how_much_is_told(
    traced: Aws, provider: ProviderServer, langfuse: LangfuseServer, content: Any
) -> None:
    bootstrap.tenant_models_service().set_tracing("acme", content)
    provider.reply(_ANSWER)
    chat()
    provider.forget_replies()
    provider.reply({"error": {"message": f"cannot {_SECRET}"}}, status=400)
    chat(request_id="failing")

    answered, failed = told(traced, langfuse)

    everything = str(answered.attributes) + str(failed.attributes)
    assert ("jane@example.com" in everything, "203.0.113.7" in everything) == (content == "full", content == "full")
    assert ("[EMAIL]" in everything, "[IP]" in everything) == (content == "masked", content == "masked")
    assert ("langfuse.observation.input" in answered.attributes) == (content != "none")
    assert failed.attributes["langfuse.observation.level"] == "ERROR"
    assert answered.attributes["gen_ai.request.temperature"] == 0.5
    assert answered.json("usage_details")["total"] == 18


def test_a_stream_tells_its_first_piece_and_what_it_came_to(
    traced: Aws, provider: ProviderServer, langfuse: LangfuseServer
) -> None:
    provider.stream(*frames("Hel", "lo"), b"data: [DONE]\n\n")
    llm = LLM4Tenant("acme", "chat")

    assert "".join(delta.text for delta in llm.mdl.chat_stream("Hi", trace={"user_id": "u"})) == "Hello"

    (span,) = told(traced, langfuse)
    assert span.trace_id == llm.trace_context["trace_id"]
    assert span.json("output") == {"role": "assistant", "content": "Hello"}
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] <= (span.end - span.start) / 10**9
    assert "langfuse.observation.completion_start_time" in span.attributes
    assert span.attributes["user.id"] == "u"


def test_a_stream_that_breaks_off_tells_what_there_was_and_why(
    traced: Aws, provider: ProviderServer, langfuse: LangfuseServer
) -> None:
    provider.stream(*frames("Hel"), Cut())

    with pytest.raises(TenantLLMError):
        list(LLM4Tenant("acme", "chat").mdl.chat_stream("Hi"))

    (span,) = told(traced, langfuse)
    assert span.json("output") == {"role": "assistant", "content": "Hel"}
    assert span.attributes["langfuse.observation.level"] == "ERROR"
    assert span.attributes["error.type"] == "provider_unavailable"


def test_a_stream_that_is_closed_is_a_warning(traced: Aws, provider: ProviderServer, langfuse: LangfuseServer) -> None:
    provider.stream(*frames("Hel", "lo"), b"data: [DONE]\n\n")
    deltas = LLM4Tenant("acme", "chat").mdl.chat_stream("Hi")

    next(deltas)
    deltas.close()

    (span,) = told(traced, langfuse)
    assert span.json("output") == {"role": "assistant", "content": "Hel"}
    assert span.attributes["langfuse.observation.level"] == "WARNING"


def test_each_model_that_is_asked_is_a_generation(
    traced: Aws, provider: ProviderServer, langfuse: LangfuseServer
) -> None:
    service = bootstrap.tenant_models_service()
    second = TenantModel("acme", "gpt-5", "OpenAI", ModelType.CHAT, api_base=f"{provider.url}/v1")
    service.register(second)
    service.set_defaults("acme", {}, {ModelType.CHAT: ["gpt-5@OpenAI"]})
    provider.reply({"error": {"message": "no"}}, status=401)
    provider.reply(_ANSWER)

    assert chat()["model"] == "gpt-5@OpenAI"

    failed, answered = sorted(told(traced, langfuse), key=lambda span: span.start)
    assert (failed.name, answered.name) == ("chat gpt-4", "chat gpt-5")
    assert failed.trace_id == answered.trace_id == _TRACE
    assert failed.span_id != answered.span_id
    assert failed.attributes["langfuse.observation.level"] == "ERROR"
    assert "langfuse.observation.level" not in answered.attributes


@pytest.mark.parametrize(
    ("model_type", "call", "reply", "told_input", "told_output"),
    [
        (
            ModelType.EMBEDDING,
            lambda mdl: mdl.encode(["a", "b"]),
            {"data": [{"index": n, "embedding": [0.5, 0.5]} for n in (0, 1)], "usage": {"total_tokens": 2}},
            ["a", "b"],
            {"vectors": 2, "dimensions": 2},
        ),
        (
            ModelType.RERANK,
            lambda mdl: mdl.similarity("q", ["a", "b"]),
            {"results": [{"index": 0, "relevance_score": 0.2}, {"index": 1, "relevance_score": 0.9}]},
            {"query": "q", "documents": ["a", "b"]},
            [{"index": 1, "score": 0.9}, {"index": 0, "score": 0.2}],
        ),
        (
            ModelType.SPEECH2TEXT,
            lambda mdl: mdl.transcription(b"audio"),
            {"text": "words"},
            {"type": "audio", "bytes": 5, "content_type": "audio/wav"},
            "words",
        ),
        (ModelType.TTS, lambda mdl: mdl.tts("say"), b"audio", "say", {"type": "audio", "bytes": 5}),
        (
            ModelType.TTS,
            lambda mdl: list(mdl.tts_stream("say")),
            b"audio",
            "say",
            {"type": "audio", "bytes": 5},
        ),
        (
            ModelType.IMAGE2TEXT,
            lambda mdl: mdl.describe_with_prompt(b"\x89PNG", "what?"),
            _ANSWER,
            [{"role": "user", "content": [{"type": "text", "text": "what?"}, {"type": "image_url", "bytes": 4}]}],
            {"role": "assistant", "content": "To 203.0.113.7"},
        ),
    ],
)
def test_every_model_type_is_told(
    traced: Aws,
    provider: ProviderServer,
    langfuse: LangfuseServer,
    model_type: ModelType,
    call: Any,
    reply: Any,
    told_input: Any,
    told_output: Any,
) -> None:
    model = TenantModel("acme", "own", "OpenAI-API-Compatible", model_type, api_base=f"{provider.url}/v1")
    bootstrap.tenant_models_service().register(model, "sk-own")
    if isinstance(reply, bytes):
        provider.reply(content=reply, headers={"content-type": "audio/mpeg"})
    else:
        provider.reply(reply)

    call(LLM4Tenant("acme", model_type.value, "own@OpenAI-API-Compatible").mdl)

    (span,) = told(traced, langfuse)
    content = span.attributes["langfuse.observation.input"], span.attributes["langfuse.observation.output"]
    seen = [one if one in (told_input, told_output) else json.loads(one) for one in content]
    assert seen[0] == told_input
    assert seen[1] == told_output or seen[1] == {**told_output, "content_type": "audio/mpeg"}
    assert json.loads(span.attributes["langfuse.observation.metadata.model_type"]) == model_type.value


def test_a_queue_that_is_silent_or_refuses_costs_the_call_moments_and_no_more(
    traced: Aws, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "_SECONDS", 0.3)
    provider.reply(_ANSWER)
    queue, over = bootstrap.tracing()._queue, Event()
    assert queue is not None
    chat()
    caplog.clear()

    monkeypatch.setattr(queue, "send", lambda _: over.wait(20))
    began = monotonic()
    assert "choices" in chat(request_id="second")
    took = monotonic() - began
    over.set()
    assert took < 1.5

    monkeypatch.setattr(queue, "send", lambda _: 1 / 0)
    assert "choices" in chat(request_id="third")

    lost = [line for line in caplog.messages if line.startswith("untraced")]
    assert len(lost) == 2
    assert _SECRET not in str(caplog.messages)

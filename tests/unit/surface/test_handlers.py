"""The invocation functions over services that note what they are asked and answer from a list."""

import json
from base64 import b64encode
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import pytest

from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatResult, Choice
from tenant_llm.domain.embedding import EmbeddingResult
from tenant_llm.domain.errors import DeadlineExceeded, ModelNotAuthorized, RateLimited
from tenant_llm.domain.link import Link
from tenant_llm.domain.rerank import Ranked, RerankResult
from tenant_llm.domain.speech2text import TranscriptionDelta, TranscriptionResult
from tenant_llm.domain.tts import SpeechDelta, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.services.tts import SpeechStream
from tests.support.events import load_event
from tests.support.functions import Handler, LambdaContext, directly, over_http, with_body

_MODEL = "m@F"
_USAGE = Usage(3, 2)
_RESULTS: dict[str, Any] = {
    "chat": ChatResult((Choice("Hi"),), _USAGE, _MODEL),
    "embedding": EmbeddingResult([[0.5], [0.25]], _USAGE, _MODEL),
    "rerank": RerankResult((Ranked(1, 0.9), Ranked(0, 0.1)), _USAGE, _MODEL),
    "speech2text": TranscriptionResult("Hi", usage=_USAGE, model=_MODEL),
    "tts": SpeechResult(b"ID3", "audio/mpeg", _USAGE, _MODEL),
    "image2text": ChatResult((Choice("A pixel."),), _USAGE, _MODEL),
}


@dataclass
class _Service:
    answer: Any
    asked: list[tuple[Caller, str | None, Any]] = field(default_factory=list)
    links: list[Link | None] = field(default_factory=list)
    broken_by: Exception | None = None

    def invoke(self, caller: Caller, model: str | None, request: object, link: Link | None = None) -> Any:
        self.links.append(link)
        self.asked.append((caller, model, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def stream(self, caller: Caller, model: str | None, request: object, link: Link | None = None) -> Any:
        self.invoke(caller, model, request, link)
        match self.answer:
            case SpeechResult(audio, content_type):
                silence = SpeechDelta(content_type=content_type, model=_MODEL)
                return SpeechStream(self._deltas(replace(silence, audio=audio), replace(silence, usage=_USAGE)))
            case TranscriptionResult(text):
                return self._deltas(TranscriptionDelta(text), TranscriptionDelta(result=self.answer))
        return self._deltas(ChatDelta("Hi", model=_MODEL), ChatDelta(usage=_USAGE, model=_MODEL))

    def _deltas[Delta](self, first: Delta, last: Delta) -> Generator[Delta]:
        yield first
        if self.broken_by is not None:
            raise self.broken_by
        yield last


def _function(monkeypatch: pytest.MonkeyPatch, model_type: str, answer: Any = None) -> tuple[Handler, _Service]:
    module = import_module(f"functions.invoke_{model_type}.handler")
    service = _Service(_RESULTS[model_type] if answer is None else answer)
    monkeypatch.setattr(module, f"{model_type}_service", lambda: service)
    handler: Handler = module.handler
    return handler, service


@pytest.mark.parametrize(
    ("model_type", "event", "model", "seen"),
    [
        ("chat", "chat_completions", "gpt-4@OpenAI", lambda body: body["choices"][0]["message"]["content"] == "Hi"),
        ("chat", "chat_completions_tools", "gpt-4@OpenAI", lambda body: body["object"] == "chat.completion"),
        ("chat", "chat_completions_image", "gpt-4@OpenAI", lambda body: body["usage"]["total_tokens"] == 5),
        ("embedding", "embeddings", "text-embedding-3-small@OpenAI", lambda body: isinstance(body["data"][0], dict)),
        ("embedding", "embeddings_query", None, lambda body: body["data"][1]["embedding"] == [0.25]),
        (
            "rerank",
            "rerank",
            "jina-reranker-v2-base-multilingual@Jina",
            lambda body: body["results"][0]["document"] == {"text": "Zurich is the largest city."},
        ),
        ("speech2text", "transcriptions", "whisper-1@OpenAI", lambda body: body["task"] == "transcribe"),
        ("image2text", "image2text", "gpt-4-vision-preview@OpenAI", lambda body: body["text"] == "A pixel."),
        ("image2text", "image2text_form", None, lambda body: body["model"] == _MODEL),
    ],
)
def test_a_route_asks_its_service_and_answers_in_its_shape(
    monkeypatch: pytest.MonkeyPatch, model_type: str, event: str, model: str | None, seen: Any
) -> None:
    handler, service = _function(monkeypatch, model_type)

    status, body = over_http(handler, load_event(f"http/{event}"))

    assert status == 200
    assert seen(body)
    ((caller, asked_model, _),) = service.asked
    assert (caller.tenant_id, asked_model) == ("tenant123", model)


@pytest.mark.parametrize("model_type", sorted(_RESULTS))
def test_a_direct_event_asks_the_same_service(monkeypatch: pytest.MonkeyPatch, model_type: str) -> None:
    handler, service = _function(monkeypatch, model_type)
    event = load_event(f"direct/invoke_{model_type}")

    answer = directly(handler, event)

    assert "error" not in answer
    ((caller, model, request),) = service.asked
    assert (caller.tenant_id, model) == (event["tenant_id"], event["llm_name"])
    params = getattr(request, "params", {})
    assert not {"tenant_id", "llm_type", "llm_name", "request_id", "operation"} & set(params)


@pytest.mark.parametrize("model_type", sorted(_RESULTS))
def test_a_direct_event_for_another_type_is_refused(monkeypatch: pytest.MonkeyPatch, model_type: str) -> None:
    handler, service = _function(monkeypatch, model_type)
    other = "chat" if model_type != "chat" else "tts"

    answer = directly(handler, {**load_event(f"direct/invoke_{model_type}"), "llm_type": other})

    assert answer["error"]["param"] == "llm_type"
    assert service.asked == []


def test_speech_is_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, service = _function(monkeypatch, "tts")

    answer: Json = handler(load_event("http/speech"), LambdaContext())

    assert answer["headers"]["content-type"] == "audio/mpeg"
    assert (answer["body"], answer["isBase64Encoded"]) == (b64encode(b"ID3").decode(), True)
    assert service.asked[0][2].speed == 1.25
    assert directly(handler, load_event("direct/invoke_tts")) == {
        "audio": b64encode(b"ID3").decode(),
        "content_type": "audio/mpeg",
    }


@pytest.mark.parametrize("direct", [False, True])
def test_audio_may_be_named_by_its_url(monkeypatch: pytest.MonkeyPatch, *, direct: bool) -> None:
    handler, service = _function(monkeypatch, "speech2text")

    if direct:
        answer = directly(handler, load_event("direct/invoke_speech2text_url"))
    else:
        _, answer = over_http(handler, load_event("http/transcriptions_url"))

    (link,) = service.links
    assert link is not None
    assert (answer["text"], link.param, link.name) == ("Hi", "audio_url", "speech.wav")
    assert link.query.startswith("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F2026")
    assert service.asked[0][2].params == {}


@pytest.mark.parametrize("direct", [False, True])
def test_speech_may_be_uploaded(monkeypatch: pytest.MonkeyPatch, *, direct: bool) -> None:
    handler, service = _function(monkeypatch, "tts")

    if direct:
        answer = directly(handler, load_event("direct/invoke_tts_url"))
    else:
        _, answer = over_http(handler, load_event("http/speech_url"))

    (link,) = service.links
    assert link is not None
    assert link.query.rpartition("&")[2].startswith("X-Amz-Signature=")
    assert service.asked[0][2].params == {}
    assert answer == {
        "output_url": "https://example-recordings.s3.eu-central-1.amazonaws.com/answers/greeting.mp3",
        "bytes": 3,
        "content_type": "audio/mpeg",
        "model": _MODEL,
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    }


@pytest.mark.parametrize("direct", [False, True])
def test_speech_too_large_to_answer_names_the_way_out(monkeypatch: pytest.MonkeyPatch, *, direct: bool) -> None:
    handler, _ = _function(monkeypatch, "tts", SpeechResult(bytes(5_000_000), "audio/wav", _USAGE, _MODEL))

    if direct:
        answer = directly(handler, load_event("direct/invoke_tts"))
    else:
        _, answer = over_http(handler, load_event("http/speech"))

    assert answer["error"]["code"] == "answer_too_large"
    assert "send an 'output_url'" in answer["error"]["message"]


def _events(answer: JsonObject) -> list[str]:
    return _frames(answer["body"])


def _frames(text: str) -> list[str]:
    return [frame.removeprefix("data: ") for frame in text.split("\n\n") if frame]


def test_a_stream_is_answered_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, service = _function(monkeypatch, "chat")

    answer: Json = handler(load_event("http/chat_completions_stream"), LambdaContext())

    assert answer["headers"]["content-type"] == "text/event-stream"
    assert service.asked[0][2].stream is True
    events = _events(answer)
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["usage"]["total_tokens"] == 5


def test_a_stream_that_never_began_has_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, _ = _function(monkeypatch, "chat", RateLimited("slow down", retry_after=3))

    answer: Json = handler(load_event("http/chat_completions_stream"), LambdaContext())

    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "3")


def test_a_stream_that_breaks_off_ends_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, service = _function(monkeypatch, "chat")
    service.broken_by = DeadlineExceeded("over")

    events = _events(handler(load_event("http/chat_completions_stream"), LambdaContext()))

    assert json.loads(events[1])["choices"][0]["delta"] == {"content": "Hi"}
    assert json.loads(events[-1])["error"]["code"] == "deadline_exceeded"


def test_a_streamed_transcript_is_openais_events(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, service = _function(monkeypatch, "speech2text")
    event = {**load_event("direct/invoke_speech2text"), "stream": True}

    events = [json.loads(text) for text in _frames(directly(handler, event))[:-1]]

    assert events == [
        {"type": "transcript.text.delta", "delta": "Hi"},
        {
            "type": "transcript.text.done",
            "text": "Hi",
            "model": _MODEL,
            "usage": {"type": "tokens", "input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        },
    ]
    assert service.asked[0][2].params == {}


def test_streamed_speech_may_come_in_openais_events(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, _ = _function(monkeypatch, "tts")
    event = load_event("http/speech")
    body = {**json.loads(event["body"]), "stream_format": "sse"}

    answer: Json = handler(with_body(event, body), LambdaContext())

    assert answer["headers"]["content-type"] == "text/event-stream"
    assert [json.loads(text) for text in _events(answer)[:-1]] == [
        {"type": "speech.audio.delta", "audio": b64encode(b"ID3").decode()},
        {
            "type": "speech.audio.done",
            "model": _MODEL,
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        },
    ]
    assert _events(answer)[-1] == "[DONE]"


def test_audio_that_breaks_off_in_a_buffered_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, service = _function(monkeypatch, "tts")
    service.broken_by = DeadlineExceeded("over")

    assert over_http(handler, load_event("http/speech"))[0] == 504


def test_events_of_speech_that_breaks_off_end_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    handler, service = _function(monkeypatch, "tts")
    service.broken_by = DeadlineExceeded("over")

    events = _frames(directly(handler, {**load_event("direct/invoke_tts"), "stream_format": "sse"}))

    assert [list(json.loads(event)) for event in events] == [["type", "audio"], ["error"]]


@pytest.mark.parametrize("model_type", sorted(_RESULTS))
def test_a_service_that_fails_is_an_envelope(monkeypatch: pytest.MonkeyPatch, model_type: str) -> None:
    handler, _ = _function(monkeypatch, model_type, ModelNotAuthorized("Model(x) not authorized", param="model"))

    answer = directly(handler, load_event(f"direct/invoke_{model_type}"))

    assert answer["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("model_type", sorted(_RESULTS))
def test_a_body_without_what_is_needed_is_refused(monkeypatch: pytest.MonkeyPatch, model_type: str) -> None:
    handler, service = _function(monkeypatch, model_type)

    answer = directly(handler, {"tenant_id": "tenant123"})

    assert answer["error"]["message"].partition(" is required")[1]
    assert service.asked == []

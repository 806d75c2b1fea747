import json
from base64 import b64encode
from typing import Any

import pytest

from tenant_llm.domain.chat import ChatRequest, ChatResult, Choice, ToolCall
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.rerank import Ranked, RerankRequest, RerankResult
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.tokens import AnyRequest
from tenant_llm.domain.trace_content import AnyResult, answered, asked, finish_reasons, parameters, told
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.wire import File

_MESSAGES: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
_IMAGE = "data:image/png;base64," + b64encode(b"0123456789").decode()


@pytest.mark.parametrize(
    ("request_", "content", "how"),
    [
        (
            ChatRequest(_MESSAGES, params={"temperature": 0, "stop": None}, stream=True),
            _MESSAGES,
            {"temperature": 0, "stream": True},
        ),
        (
            ChatRequest(_MESSAGES, tools=[{"type": "function"}]),
            {"messages": _MESSAGES, "tools": [{"type": "function"}]},
            {},
        ),
        (
            EmbeddingRequest(["a", [1, 2, 3]], dimensions=8),
            ["a", {"tokens": 3}],
            {"dimensions": 8, "purpose": "document"},
        ),
        (RerankRequest("q", ["d"], 1), {"query": "q", "documents": ["d"]}, {"top_n": 1}),
        (
            TranscriptionRequest(File("a.wav", b"abc", "audio/wav"), "de", "words"),
            {"type": "audio", "bytes": 3, "content_type": "audio/wav", "prompt": "words"},
            {"language": "de"},
        ),
        (
            SpeechRequest("say it", "alloy", "mp3", 1.5),
            "say it",
            {"voice": "alloy", "response_format": "mp3", "speed": 1.5},
        ),
    ],
)
def test_what_is_asked_is_told_by_its_words(request_: AnyRequest, content: Any, how: Any) -> None:
    assert asked(request_) == content
    assert parameters(request_) == how


@pytest.mark.parametrize(
    ("result", "content"),
    [
        (ChatResult((Choice("Hi"),)), {"role": "assistant", "content": "Hi"}),
        (
            ChatResult((Choice("", "hm", (ToolCall("1", "f", "{}"),), "tool_calls"), Choice("b"))),
            [
                {
                    "role": "assistant",
                    "content": "",
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "assistant", "content": "b"},
            ],
        ),
        (EmbeddingResult([[0.0] * 3] * 2), {"vectors": 2, "dimensions": 3}),
        (RerankResult((Ranked(1, 0.5),)), [{"index": 1, "score": 0.5}]),
        (TranscriptionResult("words"), "words"),
        (SpeechResult(b"abc"), {"type": "audio", "bytes": 3, "content_type": "audio/mpeg"}),
    ],
)
def test_what_is_answered_is_told_by_its_words(result: AnyResult, content: Any) -> None:
    assert answered(result) == content


def test_why_a_chat_ended_is_told_of_each_choice() -> None:
    assert finish_reasons(ChatResult((Choice(), Choice(finish_reason="length")))) == ("stop", "length")
    assert finish_reasons(SpeechResult(b"")) == finish_reasons(None) == ()


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ({"type": "image_url", "image_url": {"url": _IMAGE}}, {"type": "image_url", "bytes": 10}),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png?X-Amz-Signature=s"}},
            {"type": "image_url", "url": "https://a.example/b.png"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": b64encode(b"abc").decode(), "format": "wav"}},
            {"type": "input_audio", "bytes": 3, "format": "wav"},
        ),
        (
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{b64encode(b'abc').decode()}"}},
            {"type": "file", "bytes": 3, "filename": None},
        ),
        (
            {"type": "text", "text": f"look: {_IMAGE} there"},
            {"type": "text", "text": "look: [image/png: 10 bytes] there"},
        ),
        ({"source": {"data": b64encode(bytes(900)).decode()}}, {"source": {"data": "[base64: 900 bytes]"}}),
        ({"raw": b"abc"}, {"raw": {"bytes": 3}}),
    ],
)
def test_images_and_audio_are_told_by_their_size(part: dict[str, Any], content: Any) -> None:
    assert told(part) == content


def test_every_text_is_changed_names_of_fields_too() -> None:
    assert told([{"a": ("b", 1, None, True)}], str.upper) == [{"A": ["B", 1, None, True]}]


def test_whatever_it_is_becomes_json() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    assert told({1: {2, 3}, "half": "\ud83d"}) == {"1": "[set]", "half": "?"}
    assert "too deep" in json.dumps(told(deep))

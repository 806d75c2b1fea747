"""What is told of a request and its result: the words, as JSON. Images and audio never travel: their size is told."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tenant_llm.domain.chat import ChatRequest, ChatResult, Choice
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.tokens import AnyRequest
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.wire import Json


@dataclass(frozen=True, slots=True)
class SpokenSize:
    """Audio that was handed on while it came, and not kept: how many bytes of what type."""

    bytes: int
    content_type: str


type AnyResult = ChatResult | EmbeddingResult | RerankResult | TranscriptionResult | SpeechResult | SpokenSize

_DEEPEST = 60
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+=-]+)*;base64,([A-Za-z0-9+/=_-]*)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{512,}={0,2}")


def asked(request: AnyRequest) -> Json:
    """What a model is asked."""
    match request:
        case ChatRequest(messages, tools):
            return {"messages": list(messages), "tools": list(tools)} if tools else list(messages)
        case EmbeddingRequest(inputs):
            return [{"tokens": len(item)} if isinstance(item, list) else item for item in inputs]
        case RerankRequest(query, documents):
            return {"query": query, "documents": list(documents)}
        case TranscriptionRequest(audio):
            told = {"type": "audio", "bytes": len(audio.content), "content_type": audio.content_type}
            return told if request.prompt is None else {**told, "prompt": request.prompt}
        case SpeechRequest(text):
            return text


def parameters(request: AnyRequest) -> dict[str, Json]:
    """How it is asked, by OpenAI's names."""
    own: dict[str, Json] = {}
    match request:
        case ChatRequest():
            own = {"tool_choice": request.tool_choice, "response_format": request.response_format}
            own["stream"] = request.stream or None
        case EmbeddingRequest():
            own = {"dimensions": request.dimensions, "purpose": request.purpose}
        case RerankRequest():
            own = {"top_n": request.top_n}
        case TranscriptionRequest():
            own = {"language": request.language, "stream": request.stream or None}
        case SpeechRequest():
            own = {"voice": request.voice, "response_format": request.format, "speed": request.speed}
    return {name: value for name, value in {**request.params, **own}.items() if value is not None}


def answered(result: AnyResult) -> Json:
    """What the model has answered; of vectors and audio the size."""
    match result:
        case ChatResult(choices):
            messages = [_message(choice) for choice in choices]
            return messages[0] if len(messages) == 1 else messages
        case EmbeddingResult(vectors):
            return {"vectors": len(vectors), "dimensions": len(vectors[0]) if vectors else 0}
        case RerankResult(ranked):
            return [{"index": item.index, "score": item.score} for item in ranked]
        case TranscriptionResult(text):
            return text
        case SpeechResult(audio, content_type):
            return {"type": "audio", "bytes": len(audio), "content_type": content_type}
        case SpokenSize(size, content_type):
            return {"type": "audio", "bytes": size, "content_type": content_type}


def finish_reasons(result: AnyResult | None) -> tuple[str, ...]:
    """Why each choice of a chat ended."""
    return tuple(choice.finish_reason for choice in result.choices) if isinstance(result, ChatResult) else ()


def told(value: Any, change: Callable[[str], str] = str, depth: int = 0) -> Json:
    """The value as JSON without what is no text; each text, names of fields too, is changed.

    What is nested deeper than anybody reads is left out, and what has no JSON form is told by its class.
    """
    if depth > _DEEPEST:
        return "[cut: too deep]"
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return change(_without_blobs(value))
        case bytes() | bytearray() | memoryview():
            return {"bytes": len(value)}
        case Mapping():
            part = _part(value)
            return {_name(name, change): told(item, change, depth + 1) for name, item in part.items()}
        case list() | tuple():
            return [told(item, change, depth + 1) for item in value]
        case _:
            return f"[{type(value).__name__}]"


def _name(name: Any, change: Callable[[str], str]) -> str:
    return change(_without_blobs(str(name)))


def _message(choice: Choice) -> dict[str, Json]:
    message: dict[str, Json] = {"role": "assistant", "content": choice.text}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.tool_calls
        ]
    return message


def _part(part: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """A part of a message: of media their size, of an image elsewhere its link without the query that may sign it."""
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            found = _DATA_URL.match(url)
            return {"type": "image_url", **({"bytes": _size(found[2])} if found else {"url": url.partition("?")[0]})}
        case {"type": "input_audio", "input_audio": {"data": str(data)} as audio}:
            return {"type": "input_audio", "bytes": _size(data), "format": audio.get("format")}
        case {"type": "file", "file": {"file_data": str(data)} as file}:
            return {"type": "file", "bytes": _size(data.rpartition(",")[2]), "filename": file.get("filename")}
        case _:
            return part


def _without_blobs(text: str) -> str:
    text = text.encode(errors="replace").decode()  # half of a surrogate pair is no Unicode
    text = _DATA_URL.sub(lambda found: f"[{found[1] or 'data'}: {_size(found[2])} bytes]", text)
    return _BASE64.sub(lambda found: f"[base64: {_size(found[0])} bytes]", text)


def _size(base64: str) -> int:
    return len(base64.rstrip("=")) * 3 // 4

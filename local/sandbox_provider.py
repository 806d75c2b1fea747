"""An offline provider for the first run: OpenAI's wire on loopback, answers by arithmetic, no model behind it.

Every answer says so. It exists so that a newcomer sees a call go through the whole bundle, and its tokens counted,
without an account, a key or a network.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from math import pi, sin, sqrt
from struct import pack
from time import time
from typing import Any
from wave import open as open_wave

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODELS = {
    "sandbox-chat": "chat",
    "sandbox-vision": "image2text",
    "sandbox-embedding": "embedding",
    "sandbox-rerank": "rerank",
    "sandbox-transcribe": "speech2text",
    "sandbox-speech": "tts",
}
"""The models it offers, with their types."""

_DIMENSIONS = 64
_SAMPLE_RATE = 16_000


async def _chat(request: Request) -> Response:
    body = await request.json()
    asked, images = _last_question(body["messages"])
    seen = f" and {images} image(s)" if images else ""
    answer = f"This is the offline sandbox, no model was asked. You said: {asked!r}{seen}"
    usage = _usage(sum(_words(_text(message)) for message in body["messages"]), _words(answer))
    frame = {"id": "chatcmpl-sandbox", "created": int(time()), "model": body["model"]}
    if body.get("stream"):
        return StreamingResponse(_frames(frame, answer, usage), media_type="text/event-stream")
    message = {"role": "assistant", "content": answer}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return JSONResponse({**frame, "object": "chat.completion", "choices": [choice], "usage": usage})


def _frames(frame: dict[str, Any], answer: str, usage: dict[str, int]) -> Iterator[str]:
    def event(**fields: Any) -> str:
        return f"data: {json.dumps({**frame, 'object': 'chat.completion.chunk', **fields})}\n\n"

    yield event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    for word in answer.split(" "):
        yield event(choices=[{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}])
    yield event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    yield event(choices=[], usage=usage)
    yield "data: [DONE]\n\n"


async def _embeddings(request: Request) -> Response:
    body = await request.json()
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [{"object": "embedding", "index": index, "embedding": _vector(text)} for index, text in enumerate(texts)]
    tokens = sum(_words(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "model": body["model"], "data": data, "usage": usage})


async def _rerank(request: Request) -> Response:
    body = await request.json()
    asked = set(body["query"].lower().split())
    scores = [len(asked & set(text.lower().split())) / len(asked or {""}) for text in body["documents"]]
    best = sorted(range(len(scores)), key=lambda index: -scores[index])[: body.get("top_n")]
    results = [{"index": index, "relevance_score": scores[index]} for index in best]
    tokens = sum(_words(text) for text in body["documents"]) + _words(body["query"])
    return JSONResponse({"model": body["model"], "results": results, "usage": {"total_tokens": tokens}})


async def _transcriptions(request: Request) -> Response:
    audio = await request.body()
    text = f"This is the offline sandbox, no model was asked. Your form has {len(audio)} bytes."
    usage = {"type": "tokens", "input_tokens": 10, "output_tokens": _words(text), "total_tokens": 10 + _words(text)}
    return JSONResponse({"text": text, "usage": usage})


async def _speech(request: Request) -> Response:
    body = await request.json()
    return Response(_tones(body["input"]), media_type="audio/wav")


async def _models(_: Request) -> Response:
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "sandbox"} for name in MODELS]
    return JSONResponse({"object": "list", "data": data})


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if part.get("type") == "text")


def _last_question(messages: list[dict[str, Any]]) -> tuple[str, int]:
    last = messages[-1]
    parts = last.get("content")
    images = sum(part.get("type") == "image_url" for part in parts) if isinstance(parts, list) else 0
    return _text(last), images


def _words(text: str) -> int:
    return len(text.split())


def _usage(asked: int, answered: int) -> dict[str, int]:
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _vector(text: str) -> list[float]:
    """A unit vector from the text's words: texts that share words are near each other."""
    sums = [0.0] * _DIMENSIONS
    for word in text.lower().split():
        digest = sha256(word.encode()).digest()
        sums = [value + byte - 127.5 for value, byte in zip(sums, digest + digest, strict=True)]
    length = sqrt(sum(value * value for value in sums)) or 1.0
    return [value / length for value in sums]


def _tones(text: str) -> bytes:
    """A WAV of one short tone a letter."""
    seconds = 0.05
    pitches = [200 + 20 * (ord(letter) % 40) for letter in text[:400]]
    times = [index / _SAMPLE_RATE for index in range(int(seconds * _SAMPLE_RATE))]
    samples = [int(8_000 * sin(2 * pi * pitch * moment)) for pitch in pitches for moment in times]
    buffer = BytesIO()
    with open_wave(buffer, "wb") as wave:
        wave.setnchannels(1)
        wave.setsampwidth(2)
        wave.setframerate(_SAMPLE_RATE)
        wave.writeframes(pack(f"<{len(samples)}h", *samples))
    return buffer.getvalue()


app = Starlette(
    routes=[
        Route("/v1/chat/completions", _chat, methods=["POST"]),
        Route("/v1/embeddings", _embeddings, methods=["POST"]),
        Route("/v1/rerank", _rerank, methods=["POST"]),
        Route("/v1/audio/transcriptions", _transcriptions, methods=["POST"]),
        Route("/v1/audio/speech", _speech, methods=["POST"]),
        Route("/v1/models", _models),
    ]
)
"""The ASGI application."""

"""What a caller would have sent us for a recording: OpenAI's request of the same meaning."""

import json
import re
from base64 import b64encode
from typing import Any

from tests.support.recordings import anthropic, converse, gemini, plain
from tests.support.recordings.records import Record

_PIXEL = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
_TRIMMED = re.compile(r"<<trimmed[^>]*>>")
_FEATURES = {"tools", "tool_choice", "response_format"}
_HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def ask(record: Record, model: str) -> tuple[str, dict[str, Any]]:
    """A route, and what httpx is to post there."""
    match record["model_type"]:
        case "embedding":
            return "/v1/embeddings", {"json": {**_embedding(record), "model": model}}
        case "rerank":
            return "/v1/rerank", {"json": {**_rerank(record), "model": model}}
        case "speech2text":
            return "/v1/audio/transcriptions", _transcription(record, model)
        case "tts":
            return "/v1/audio/speech", {"json": {**body_of(record), "model": model}}
    asked = {**_chat(record), "model": model}
    if record["model_type"] == "image2text" and (described := _description(asked)):
        return "/v1/image2text", {"json": described}
    if record["streaming"]:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return "/v1/chat/completions", {"json": asked}


def body_of(record: Record) -> dict[str, Any]:
    """The recorded body; base64 that was cut out of it is some other base64."""
    body = record["request_body"]
    return json.loads(_TRIMMED.sub(_PIXEL, json.dumps(body))) if isinstance(body, dict) else {}


def _chat(record: Record) -> dict[str, Any]:
    body = body_of(record)
    if not body:
        return _HELLO
    match record["api"]:
        case "anthropic-messages" | "vertex-rawpredict":
            return anthropic.chat(body)
        case "gemini-generate":
            return gemini.chat(body, stream=record["streaming"])
        case "bedrock-converse":
            return converse.chat(body, stream=record["streaming"])
        case "cohere-v2-chat":
            return plain.cohere_chat(body)
        case "ollama-chat":
            return plain.ollama_chat(body)
    return plain.openai_chat(body)


def _description(asked: dict[str, Any]) -> dict[str, Any] | None:
    """The same as a question about one image, where that is all there is to it."""
    (message, *more) = asked["messages"]
    parts = message["content"] if isinstance(message["content"], list) else []
    plain = [part for part in parts if part.keys() <= {"type", "text", "image_url"} and len(part) == 2]
    texts = [part["text"] for part in plain if "text" in part]
    images = [part["image_url"] for part in plain if "image_url" in part]
    urls = [image["url"] for image in images if isinstance(image, dict) and image.keys() == {"url"}]
    if more or asked.get("stream") or asked.keys() & _FEATURES or (len(parts), len(texts), len(urls)) != (2, 1, 1):
        return None
    if not urls[0].startswith(("https:", "data:")):
        return None
    return {**{name: asked[name] for name in asked if name != "messages"}, "image": urls[0], "prompt": texts[0]}


def _embedding(record: Record) -> dict[str, Any]:
    body = body_of(record)
    match record["api"]:
        case _ if not body:
            return {"input": ["text"] * record["expect"].get("embedding_count", 1)}
        case "cohere-embed":
            return plain.cohere_embedding(body)
        case "gemini-embed":
            return {"input": gemini.texts(body), **_dimensions(body)}
        case "vertex-embed":
            return {"input": [instance["content"] for instance in body["instances"]]}
        case "bedrock-invoke":
            return plain.invoked_embedding(body)
    return plain.embedding(body)


def _dimensions(body: Any) -> dict[str, Any]:
    found = [item[name] for item in body.get("requests", [body]) for name in item if "imension" in name]
    return {"dimensions": found[0]} if found else {}


def _rerank(record: Record) -> dict[str, Any]:
    if body := body_of(record):
        return plain.rerank(body)
    places = [item["index"] for item in record["expect"].get("rerank", ())]
    documents = [f"document {place}" for place in range(max(places, default=0) + 1)]
    return {"query": "query", "documents": documents, "top_n": len(places) or 1}


def _transcription(record: Record, model: str) -> dict[str, Any]:
    """A form; the audio is any bytes, as many as were recorded where that is told."""
    body = body_of(record)
    fields = body.get("fields", {})
    file: dict[str, Any] = next(iter(body.get("files", ())), {})
    name, kind = file.get("filename") or "audio.mp3", file.get("content_type") or "audio/mpeg"
    return {"data": {**fields, "model": model}, "files": {"file": (name, bytes(file.get("bytes") or 16), kind)}}

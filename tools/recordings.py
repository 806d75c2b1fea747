"""What the readers of recorded provider traffic share: whose wire a recording is of, its bytes, and what agrees.

A recording is one exchange, as JSON: who answered (``provider``, ``model_type``, ``api``), the request, the answer
(``status``, ``response_headers``, ``response_body``, ``stream_format``) and what an independent reader found in it
(``expect``; a ``…_alt`` is right too). The recordings are not part of this repository.
"""

import json
import re
from base64 import b64decode
from typing import Any

from tenant_llm.domain.wire import Json, JsonObject

_OPENAI = {"openai", "azure_openai", "openrouter", "qianfan", "tencent_hunyuan", "volcengine"}
SPOKEN_BY = {
    "openai-chat": _OPENAI,
    "openai-embeddings": _OPENAI | {"voyage", "perplexity", "jina", "nvidia"},
    "openai-transcription": _OPENAI,
    "openai-tts": _OPENAI,
    "anthropic-messages": {"anthropic"},
    "gemini-generate": {"gemini", "vertex"},
    "gemini-embed": {"gemini", "vertex"},
    "vertex-rawpredict": {"vertex"},
    "vertex-embed": {"vertex"},
    "bedrock-converse": {"bedrock"},
    "bedrock-rerank": {"bedrock"},
    "cohere-v2-chat": {"cohere"},
    "cohere-embed": {"cohere"},
    "cohere-rerank": {"cohere"},
    "cohere-transcription": {"cohere"},
    "ollama-chat": {"ollama"},
    "ollama-embed": {"ollama"},
    "jina-style-rerank": {"jina", "jina_logits"},
    "voyage-rerank": {"voyage"},
    "deepgram-listen": {"deepgram"},
}
"""The recordings' word for a wire → the dialect families that speak it."""

_INVOKED = {"bedrock"}  # embeddings only: chat goes over Converse
_THOUGHT = re.compile(r"^\s*<think>.*?(</think>|$)", re.DOTALL)  # not split from the text by the other reader
_PARTS = {"prompt_tokens": "completion_tokens", "completion_tokens": "prompt_tokens"}


def families(record: JsonObject) -> set[str]:
    """The dialect families that speak the recording's wire."""
    if record["api"] == "bedrock-invoke" and record["model_type"] == "embedding":
        return _INVOKED
    return SPOKEN_BY.get(record["api"], set())


def content(record: JsonObject) -> bytes:
    """The answer's body as it came."""
    body: Any = record.get("response_raw")
    encoding = "text" if body else record["response_body_encoding"]
    body = body or record["response_body"]
    if encoding == "base64":
        return b64decode(body)
    return (body if encoding == "text" else json.dumps(body)).encode()


def agrees(expected: JsonObject, name: str, value: Json) -> bool:
    """Whether a value is one of the honest readings of what was recorded; true where nothing is known of it."""
    honest = [expected[key] for key in (name, f"{name}_alt") if expected.get(key) is not None]
    if not honest or (name == "finish" and honest == ["other"]):  # a word that is nobody's
        return True
    if isinstance(value, str):
        return value.strip() in [text.strip() for text in (*honest, _THOUGHT.sub("", honest[0]))]
    if name == "rerank":  # scores are brought into one range, the order is theirs
        return bool(value == [item["index"] for item in honest[0]])
    if name == "tool_calls":
        return value in [[{key: call[key] for key in ("name", "arguments")} for call in calls] for calls in honest]
    # The other reader takes the fields, and some leave reasoning or audio out of them that the total has.
    if name in _PARTS and "total_tokens" in expected:
        honest.append(expected["total_tokens"] - expected.get(_PARTS[name], 0))
    return value in honest


def decoded(arguments: str) -> Json:
    """A tool call's arguments, which are JSON most of the time."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments

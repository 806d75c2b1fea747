"""Reads recorded provider traffic through the dialects and notes how much of it is read right.

``python -m tools.replay_recordings FILE`` takes one exchange a line, as ``tools/recordings.py`` describes it. The
counts go to ``tests/wire/recordings.json``, from where ``tools/provider_table.py`` takes them.
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from itertools import batched
from pathlib import Path
from typing import Any

from tenant_llm.catalogue.load import provider
from tenant_llm.dialects import eventstream, load, sse
from tenant_llm.domain.chat import ChatRequest, ChatResult, fold
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.errors import TenantLLMError, UnsupportedModelType
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import File, Json, JsonObject, ServerEvent, WireResponse
from tools.recordings import agrees, content, decoded, families

_COUNTS = Path(__file__).parent.parent / "tests" / "wire" / "recordings.json"
_STREAMED = (ModelType.CHAT, ModelType.IMAGE2TEXT, ModelType.SPEECH2TEXT)
_PIECE = 61  # bytes a read: events and characters get cut anywhere
_FRAMINGS = {"sse": sse.sse, "json-array": sse.sse, "ndjson": sse.ndjson, "eventstream": eventstream.events}


def main(arguments: list[str]) -> int:
    """Replay the file and write the counts; what was read wrong is listed."""
    counts: dict[str, dict[str, list[int]]] = {}
    for line in Path(arguments[0]).read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        target = _target(record)
        if target is None:
            continue
        try:
            fault = _fault(record, target)
        except UnsupportedModelType:
            continue  # a wire that is not spoken yet
        kinds = counts.setdefault(record["provider"], {})
        count = kinds.setdefault(record["model_type"], [0, 0])
        count[0] += not fault
        count[1] += 1
        if fault:
            print(f"{record['id']} {record['provider']} {record['model_type']}: {fault}")
    text = ",\n".join(f"  {json.dumps(name)}: {json.dumps(counts[name], sort_keys=True)}" for name in sorted(counts))
    _COUNTS.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    read, agreed = (sum(count[at] for kinds in counts.values() for count in kinds.values()) for at in (1, 0))
    print(f"{agreed} of {read} read right")
    return 0


def _target(record: JsonObject) -> Target | None:
    """What would have been called; ``None`` where that is another wire or an error by its status."""
    row = provider(record["provider"])
    if row is None or record["model_type"] not in set(ModelType) or record["status"] >= 300:
        return None
    kind = ModelType(record["model_type"])
    family = row.dialects.get(kind, "")
    if family not in families(record) or _framing(record) not in (None, *_FRAMINGS):
        return None
    name = record["model"] or ""
    config = ModelConfig("t", name, row.name, kind, family, f"https://{record['host']}", name, row.quirks(kind))
    return Target(config, Credential())


def _framing(record: JsonObject) -> str | None:
    """How the answer is cut; speech is never asked for in events that are OpenAI's."""
    framing: str | None = record["stream_format"]
    return framing if record["model_type"] in _STREAMED or framing is None else "none"


def _fault(record: JsonObject, target: Target) -> str:
    """What was read otherwise than by the other reader; empty where nothing was."""
    expected = record["expect"]
    try:
        found = dict(_read(record, target))
    except UnsupportedModelType:
        raise
    except TenantLLMError as error:
        return "" if expected.get("error_message") else f"{type(error).__name__}: {error}"[:200]
    wrong = [name for name, value in found.items() if not agrees(expected, name, value)]
    return "; ".join(f"{name} {found[name]!r} is {expected.get(name)!r}"[:200] for name in wrong)


def _read(record: JsonObject, target: Target) -> Iterator[tuple[str, Json]]:
    kind, expected = target.config.model_type, record["expect"]
    family = target.config.dialect
    response = WireResponse(
        record["status"],
        content(record),
        {name.lower(): value for name, value in record["response_headers"].items() if isinstance(value, str)},
    )
    match kind:
        case ModelType.CHAT | ModelType.IMAGE2TEXT:
            yield from _chat(_chat_result(record, response, target))
        case ModelType.EMBEDDING:
            asked = EmbeddingRequest(["text"] * expected["embedding_count"])
            vectors = load.embedding(family).parse(response, asked, target)
            yield "embedding_dims", len(vectors.vectors[0])
            yield from _tokens(vectors.usage)
        case ModelType.RERANK:
            order = [item["index"] for item in expected["rerank"]]
            documents = (record["request_body"] or {}).get("documents") or ["document"] * (max(order) + 1)
            asked_for = RerankRequest("query", documents, len(order) if len(order) < len(documents) else None)
            ranking = load.rerank(family).parse(response, asked_for, target)
            yield "rerank", [item.index for item in ranking.ranked]
            yield from _tokens(ranking.usage)
        case ModelType.SPEECH2TEXT:
            yield "transcript", _transcript(record, response, target)
        case ModelType.TTS:
            dialect: Any = load.tts(family)
            speech = dialect.parse(response, SpeechRequest("text"), target)
            yield "audio_sha256", sha256(speech.audio).hexdigest()


def _chat_result(record: JsonObject, response: WireResponse, target: Target) -> ChatResult:
    dialect = load.chat(target.config.dialect)
    if record["stream_format"] is None:
        return dialect.parse(response, ChatRequest(()), target)
    return fold(dialect.parse_stream(_events(record["stream_format"], response.content), target))


def _transcript(record: JsonObject, response: WireResponse, target: Target) -> str:
    dialect: Any = load.speech2text(target.config.dialect)
    audio = TranscriptionRequest(File("a.mp3", b""))
    if record["stream_format"] is None:
        return str(dialect.parse(response, audio, target).text)
    *_, last = dialect.parse_stream(_events(record["stream_format"], response.content), audio, target)
    return str(last.result.text)


def _events(framing: str, body: bytes) -> Iterator[ServerEvent]:
    yield from _FRAMINGS[framing](bytes(piece) for piece in batched(body, _PIECE, strict=False))


def _chat(result: ChatResult) -> Iterator[tuple[str, Json]]:
    first = result.choices[0]
    yield "text", first.text
    yield "tool_calls", [{"name": call.name, "arguments": decoded(call.arguments)} for call in first.tool_calls]
    yield "finish", first.finish_reason
    yield from _tokens(result.usage)


def _tokens(usage: Usage | None) -> Iterator[tuple[str, Json]]:
    yield "prompt_tokens", usage and usage.input_tokens
    yield "completion_tokens", usage and usage.output_tokens


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Whether an answer of ours, what was sent for it and what was booked agree with a recording; each fault is a line."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tenant_llm.dialects.sse import sse
from tests.support.recordings.callers import body_of
from tests.support.recordings.records import Record
from tools.recordings import agrees, decoded

_SURVIVE = {400, 404, 413, 422, 429}
_JUDGED_APART = {"usage", "scores", "call_ids", "vectors"}
_TAGS = re.compile(r"<script\b.*?(</script>|$)|<[^>]*>", re.DOTALL)
_SHOWN = 1000  # characters of a message that a caller is shown


def answered(record: Record, answer: httpx.Response) -> dict[str, Any]:
    """The answer's readings under the names of ``expect``, and its usage."""
    match record["model_type"]:
        case "tts":
            return {"audio_sha256": sha256(answer.content).hexdigest(), "audio_bytes_len": len(answer.content)}
        case "speech2text":
            return _transcript(answer)
        case "embedding":
            vectors = [item["embedding"] for item in answer.json()["data"]]
            sizes = [len(v) if isinstance(v, list) else len(b64decode(v)) // 4 for v in vectors]
            told = {"embedding_count": len(vectors), "embedding_dims": sizes[0], "vectors": vectors}
            return told | _usage(answer.json()["usage"])
        case "rerank":
            results = answer.json()["results"]
            told = {"rerank": [item["index"] for item in results], "scores": [i["relevance_score"] for i in results]}
            return told | _usage(answer.json()["usage"])
    if answer.headers["content-type"].startswith("text/event-stream"):
        return _streamed(answer.content)
    body = answer.json()
    if "choices" not in body:
        return {"text": body["text"], **_usage(body["usage"])}
    (choice, *_) = body["choices"]
    message = choice["message"]
    calls = [{"id": call["id"], **call["function"]} for call in message.get("tool_calls", ())]
    told = _chat(message["content"] or "", calls, choice["finish_reason"]) | _usage(body["usage"])
    return {**told, "reasoning": message.get("reasoning_content", ""), "n_choices": len(body["choices"])}


def _transcript(answer: httpx.Response) -> dict[str, Any]:
    kind = answer.headers["content-type"]
    if kind.startswith("text/event-stream"):
        *_, done = (json.loads(event.data) for event in sse([answer.content]) if event.data.startswith("{"))
        return {"transcript": done["text"], **_usage(done["usage"])}
    if not kind.startswith("application/json"):
        return {"transcript": answer.text}
    return {"transcript": answer.json()["text"], "usage": answer.json()["usage"]}


def faults_of_answer(record: Record, read: dict[str, Any]) -> Iterator[str]:
    """What was read otherwise than by the other reader."""
    expected = record["expect"]
    for name, value in read.items():
        if name not in _JUDGED_APART and not agrees(expected, name, value):
            yield f"{name} is {value!r}, recorded {expected.get(name)!r}"[:400]
    ids = [call.get("id") for call in expected.get("tool_calls", ())]
    if all(ids) and ids != read.get("call_ids", []):
        yield f"the calls' ids are {read['call_ids']}, recorded {ids}"
    for vector, first in zip(read.get("vectors", ()), expected.get("embedding_first", ()), strict=False):
        if isinstance(vector, list) and vector[: len(first)] != pytest.approx(first, rel=1e-5):
            yield f"a vector begins with {vector[: len(first)]}, recorded {first}"
    scores = [item["score"] for item in expected.get("rerank", ())]
    if scores and all(0 <= score <= 1 for score in scores) and read["scores"] != scores:
        yield f"scores are {read['scores']}, recorded {scores}"


def faults_of_error(record: Record, answer: httpx.Response) -> Iterator[str]:
    """Whether the envelope is OpenAI's, its status fits the provider's, and its message is the provider's."""
    error = answer.json()["error"]
    if error.keys() != {"message", "type", "param", "code"}:
        yield f"the envelope has {sorted(error)}"
    if answer.status_code not in _fitting(record["status"], error["code"]):
        yield f"status {answer.status_code} ({error['code']}) for the provider's {record['status']}"
    said = " ".join(_TAGS.sub(" ", str(record["expect"].get("error_message") or "")).split())
    shown = error["message"]
    if said[:_SHOWN] not in shown and not _masked(said, shown):
        yield f"the message is {shown!r}, recorded {said!r}"[:900]


def _masked(said: str, shown: str) -> bool:
    """Whether a message is the provider's but for a key in it."""
    pieces, at = shown.split("[key]"), 0
    for piece in pieces:
        found = said.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(pieces) > 1


def _fitting(status: int, code: str) -> set[int]:
    """A provider's own status survives where it means the same to the caller; that of a key or an account does not."""
    if code == "provider_quota_exhausted":
        return {402}
    if code == "credential_rejected_by_provider":
        return {502} if status in {400, 401, 403} else set()
    if code in {"context_length_exceeded", "content_filter"}:
        return {400, status} if status < 500 else {400}
    if status in _SURVIVE:
        return {status}
    return {502} if status >= 500 or status in {408, 409, 498} else {400, 502} if status < 300 else {400}


def refused(answer: httpx.Response, lines: list[str]) -> bool:
    """Whether the caller was told what is wrong with the request, and the provider was not asked."""
    return not lines and answer.status_code == 400 and bool(answer.json()["error"]["param"])


def faults_of_request(record: Record, lines: list[str]) -> Iterator[str]:
    """What the recordings' own judge finds wrong with what was sent."""
    if len(lines) != 1:
        yield f"the provider was asked {len(lines)} times"
        return
    sent = json.loads(lines[0])
    found, recorded = sent["compare"], body_of(record)
    for name in ("method_ok", "path_ok", "auth_ok", "model_in_path_same", "model_same", "stream_same"):
        if found.get(name) is False and not (name == "model_same" and _named_in_path(record)):
            yield f"{name}: sent {sent['method']} {sent['suffix']} {found['auth_got']}, recorded {record['url_path']}"
    empty = [name for name, value in recorded.items() if not value]  # an empty object says nothing
    if missing := [name for name in found.get("missing", ()) if name not in empty]:
        yield f"missing {missing}"
    if "error" in found:
        yield f"cannot be compared: {found['error']}"


def faults_of_meaning(record: Record, lines: list[str]) -> Iterator[str]:
    """Texts and numbers of the recorded request that are nowhere in what was sent."""
    if record["request_body_encoding"] == "json" and record["status"] < 300 and lines:
        sent = set(_leaves(json.loads(lines[0])["body"]))
        yield from (f"not sent: {leaf!r}"[:300] for leaf in _leaves(body_of(record)) if leaf and leaf not in sent)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        value = decoded(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value.strip().lower()
    elif value is not None and not isinstance(value, bool):
        yield str(float(value))


def _named_in_path(record: Record) -> bool:
    """Whether the body's model is left out, or says nothing."""
    return not body_of(record).get("model") or any(
        part in record["url_path"] for part in ("/deployments/", ":embedContent")
    )


def faults_of_books(read: dict[str, Any], totals: Any, row: int, *, calls: int) -> Iterator[str]:
    """Whether the ledger and the model's row hold what was answered."""
    usage = read.get("usage") or {}
    booked = {name: totals[name] for name in ("calls", "input_tokens", "output_tokens", "total_tokens")}
    answered = {"calls": calls} | {name: usage[name] * calls for name in booked if name in usage}
    for name, value in answered.items():
        if booked[name] != value:
            yield f"booked {name} {booked[name]}, answered {value}"
    if row != booked["total_tokens"]:
        yield f"the row has {row}, the ledger {booked['total_tokens']}"


def _streamed(content: bytes) -> dict[str, Any]:
    text, reasoning, finish, usage = "", "", None, None
    calls: dict[int, dict[str, str]] = {}
    events = [event.data for event in sse([content])]
    assert events[-1] == "[DONE]", events[-1]
    for chunk in map(json.loads, events[:-1]):
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            if choice["index"]:
                continue
            text += choice["delta"].get("content") or ""
            reasoning += choice["delta"].get("reasoning_content") or ""
            finish = choice["finish_reason"] or finish
            for call in choice["delta"].get("tool_calls", ()):
                known = calls.setdefault(call["index"], {"id": call.get("id"), "name": "", "arguments": ""})
                known["name"] += call["function"].get("name", "")
                known["arguments"] += call["function"]["arguments"]
    return {**_chat(text, [calls[index] for index in sorted(calls)], finish), **_usage(usage), "reasoning": reasoning}


def _chat(text: str, calls: list[Any], finish: str | None) -> dict[str, Any]:
    told = [{"name": call["name"], "arguments": decoded(call["arguments"])} for call in calls]
    return {"text": text, "tool_calls": told, "call_ids": [call["id"] for call in calls], "finish": finish}


def _usage(usage: Any) -> dict[str, Any]:
    """Token counts under the names of ``expect``; ours alone where the provider told none."""
    counted = {"total_tokens": usage["total_tokens"]}
    for ours, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")):
        if theirs in usage:
            counted[ours] = usage[theirs]
    told = {name: usage[name] for name in ("prompt_tokens", "completion_tokens") if name in usage}
    if "completion_tokens_details" in usage:
        told["cached_tokens"] = usage["prompt_tokens_details"]["cached_tokens"]
        told["reasoning_tokens"] = usage["completion_tokens_details"]["reasoning_tokens"]
    return {**told, "usage": counted}

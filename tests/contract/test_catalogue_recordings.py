"""The counts of recorded traffic belong to pairs of the catalogue, and the tool that counts can find a fault."""

import json
from pathlib import Path
from typing import Any

import pytest

from tenant_llm.catalogue.load import provider
from tenant_llm.domain.model_type import ModelType
from tools import provider_table, replay_recordings


def _record(**changes: Any) -> str:
    answer = {"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]}
    record = {
        "id": "r1",
        "provider": "Groq",
        "model_type": "chat",
        "api": "openai-chat",
        "model": "llama-3.1-8b-instant",
        "host": "api.groq.com",
        "status": 200,
        "stream_format": None,
        "request_body": None,
        "response_headers": {"content-type": "application/json"},
        "response_body": answer | {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
        "response_body_encoding": "json",
        "expect": {"text": "Hi.", "finish": "stop", "tool_calls": [], "prompt_tokens": 3, "completion_tokens": 2},
    }
    return json.dumps(record | changes)


def test_counts_are_of_pairs_that_are_offered() -> None:
    for name, kinds in json.loads(provider_table._RECORDINGS.read_text(encoding="utf-8")).items():
        row = provider(name)
        assert row is not None, name
        for kind, (right, read) in kinds.items():
            assert ModelType(kind) in row.dialects, (name, kind)
            assert 0 <= right <= read


def test_what_is_read_otherwise_is_counted_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        _record(),
        _record(id="r2", expect={"text": "Hello."}),
        _record(id="r3", expect={"prompt_tokens": 4, "total_tokens": 9}),
        _record(id="r4", response_body="<html>", response_body_encoding="text"),
        _record(id="r5", provider="nobody"),
        _record(id="r6", api="another-wire"),
        _record(id="r7", status=429),
    ]
    (tmp_path / "recorded.jsonl").write_text("\n".join(records), encoding="utf-8")
    monkeypatch.setattr(replay_recordings, "_COUNTS", tmp_path / "counts.json")

    replay_recordings.main([str(tmp_path / "recorded.jsonl")])

    said = capsys.readouterr().out
    assert json.loads((tmp_path / "counts.json").read_text(encoding="utf-8")) == {"Groq": {"chat": [1, 4]}}
    assert [line.split()[0] for line in said.splitlines()] == ["r2", "r3", "r4", "1"]


def test_a_stream_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = (
        '{"choices":[{"index":0,"delta":{"content":"Grüße, and more than one piece of it."},"finish_reason":"stop"}]}'
    )
    record = _record(
        stream_format="sse",
        response_body=f"data: {chunk}\n\ndata: [DONE]\n\n",
        response_body_encoding="text",
        expect={"text": "Grüße, and more than one piece of it.", "finish": "stop"},
    )
    (tmp_path / "recorded.jsonl").write_text(record, encoding="utf-8")
    monkeypatch.setattr(replay_recordings, "_COUNTS", tmp_path / "counts.json")

    replay_recordings.main([str(tmp_path / "recorded.jsonl")])

    assert json.loads((tmp_path / "counts.json").read_text(encoding="utf-8")) == {"Groq": {"chat": [1, 1]}}

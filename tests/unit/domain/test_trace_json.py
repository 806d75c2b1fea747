import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.trace import Generation, TraceContext, TraceError, derived_trace_id, span_id
from tenant_llm.domain.trace_cut import cut
from tenant_llm.domain.trace_json import MOST_BYTES, decode, encode
from tenant_llm.domain.usage import Usage

_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
_CALL = Generation(
    "acme",
    "r1",
    TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "s", "u"),
    "3c0f41e0d9a7b852",
    ModelType.CHAT,
    "OpenAI",
    "gpt-4",
    _AT,
    _AT,
    first_token_at=_AT,
    parameters={"temperature": 0.2, "stop": ["\n"]},
    input=[{"role": "user", "content": "Grüße, 你好"}],
    output={"role": "assistant", "content": "Hi"},
    finish_reasons=("stop", "length"),
    usage=Usage(3, 4, native={"seconds": 1.5}),
    error=TraceError("RateLimited", "rate_limited", 429, "later"),
)


def test_a_generation_comes_back_as_it_was() -> None:
    assert decode(json.loads(encode(_CALL))) == _CALL


def test_of_an_older_writer_defaults_are_read_and_of_a_newer_one_the_rest_is_passed_over() -> None:
    told = json.loads(encode(_CALL))
    del told["first_token_at"], told["error"]

    assert decode({**told, "colour": "blue"}) == replace(_CALL, first_token_at=None, error=None)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tenant_id": 4}, "tenant_id"),
        ({"model_type": "dance"}, "model_type"),
        ({"started_at": "2026-11-24T12:00:00"}, "started_at"),
        ({"context": {}}, "context.trace_id"),
        ({"usage": {"input_tokens": "many"}}, "usage.input_tokens"),
    ],
)
def test_what_is_no_generation_is_named_without_its_value(change: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode({**json.loads(encode(_CALL)), **change})

    assert refused.value.param == param
    assert "dance" not in refused.value.message
    assert "many" not in refused.value.message


@pytest.mark.parametrize(
    "content",
    [
        "x" * 3_000_000,
        "你" * 900_000,
        "\0" * 500_000,
        [{"role": "user", "content": "word " * 200}] * 5_000,
        [["x"] * 60] * 100_000,
        {f"field{number}": "x" * 50 for number in range(50_000)},
        [[["deep" * 300] * 60] * 60] * 4,
    ],
    ids=["text", "Chinese", "control characters", "messages", "lists", "object", "nested"],
)
def test_too_much_content_is_cut_and_says_so_and_the_rest_is_kept(content: object) -> None:
    text = encode(replace(_CALL, input=content))

    assert len(text.encode()) <= MOST_BYTES
    told = decode(json.loads(text))
    assert "[cut" in text
    assert replace(told, input=None) == replace(_CALL, input=None)


def test_what_fits_is_not_cut() -> None:
    large = replace(_CALL, input="x" * 900_000)

    assert decode(json.loads(encode(large))) == large


def test_a_cut_leaves_the_beginning_and_the_end() -> None:
    assert cut("abcdefghij", 4) == "ab [cut: 6 characters] ij"
    assert cut([1, 2, 3, 4, 5], 2) == [1, "[cut: 3 items]", 5]
    assert cut({"a": 1, "b": 2, "c": "0123456789"}, 2) == {"a": 1, "b": 2, "[cut]": "1 fields"}
    assert cut([{"a": "abcdef"}], 3) == [{"a": "ab [cut: 3 characters] f"}]


def test_ids_are_the_same_for_the_same_and_others_for_others() -> None:
    trace = derived_trace_id("acme", "r1")

    assert trace == derived_trace_id("acme", "r1")
    assert len(trace) == 32
    spans = {span_id("acme", trace, "r1", 0), span_id("acme", trace, "r1", 1), span_id("acme", trace, "r2", 0)}
    assert {len(span) for span in spans} == {16}
    assert len(spans | {span_id("bolt", trace, "r1", 0), span_id("acme", derived_trace_id("acme", "r2"), "r1", 0)}) == 5

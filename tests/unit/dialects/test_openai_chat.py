"""Chat Completions beyond the golden pairs: what malformed or cut answers come to."""

from json import dumps

import pytest

from tenant_llm.dialects.openai import chat
from tenant_llm.domain.chat import ChatRequest, fold
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable, RateLimited
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Json, JsonObject, ServerEvent, WireResponse

TARGET = Target(ModelConfig("t", "m", "F", ModelType.CHAT, "openai", "https://a.example/v1", "m"), Credential())
REQUEST = ChatRequest([{"role": "user", "content": "Hello."}])


def answer(body: Json) -> WireResponse:
    return WireResponse(200, dumps(body).encode(), {"content-type": "application/json"})


def events(*chunks: Json) -> list[ServerEvent]:
    return [ServerEvent(chunk if isinstance(chunk, str) else dumps(chunk)) for chunk in chunks]


def piece(delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


@pytest.mark.parametrize("body", [[], "x", {}, {"choices": None}, {"choices": ["x"]}])
def test_an_answer_without_choices_is_malformed(body: Json) -> None:
    with pytest.raises(MalformedAnswer, match="no choices"):
        chat.parse(answer(body), REQUEST, TARGET)


def test_an_answer_that_is_no_json_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="not JSON"):
        chat.parse(WireResponse(200, b"<html>"), REQUEST, TARGET)


def test_a_choice_that_failed_is_an_error() -> None:
    broken = {
        "choices": [{"message": {"content": ""}, "finish_reason": "error", "error": {"code": 429, "message": "x"}}]
    }

    with pytest.raises(RateLimited):
        chat.parse(answer(broken), REQUEST, TARGET)
    with pytest.raises(ProviderUnavailable, match="network_error"):
        chat.parse(answer({"choices": [{"message": {}, "finish_reason": "network_error"}]}), REQUEST, TARGET)


@pytest.mark.parametrize(
    ("said", "finish_reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("max_length", "length"),
        ("max_output_tokens", "length"),
        ("model_length", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_call", "tool_calls"),
        ("content_filtered", "content_filter"),
        ("safety", "content_filter"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
        ("sensitive", "content_filter"),
        ("", "stop"),
        (None, "stop"),
    ],
)
def test_every_reason_to_end_has_a_word_of_openai(said: str | None, finish_reason: str) -> None:
    result = chat.parse(answer({"choices": [{"message": {"content": "x"}, "finish_reason": said}]}), REQUEST, TARGET)

    assert result.finish_reason == finish_reason


@pytest.mark.parametrize("event", ["{", '"text"', "[1]"])
def test_an_event_that_is_no_object_is_malformed(event: str) -> None:
    with pytest.raises(MalformedAnswer):
        list(chat.parse_stream(events(event), TARGET))


def test_deltas_before_a_break_are_told() -> None:
    stream = chat.parse_stream(events(piece({"content": "Par"})), TARGET)

    assert next(stream).text == "Par"
    with pytest.raises(ProviderUnavailable, match="ended early"):
        next(stream)


def test_what_was_held_back_is_told_before_a_break() -> None:
    stream = chat.parse_stream(events(piece({"content": "<thi"})), TARGET)

    assert next(stream).text == "<thi"
    with pytest.raises(ProviderUnavailable):
        next(stream)


def test_an_empty_stream_ended_early() -> None:
    with pytest.raises(ProviderUnavailable, match="ended early"):
        list(chat.parse_stream([], TARGET))


def test_a_stream_may_end_without_done_or_without_a_reason() -> None:
    with_reason = chat.parse_stream(events(piece({"content": "a"}, "stop")), TARGET)
    with_done = chat.parse_stream(events(piece({"content": "a"}), "[DONE]"), TARGET)

    assert fold(with_reason).text == fold(with_done).text == "a"


def test_nothing_is_read_after_done() -> None:
    assert fold(chat.parse_stream(events(piece({"content": "a"}), " [DONE]", "{"), TARGET)).text == "a"


def test_blank_events_are_passed_over() -> None:
    assert fold(chat.parse_stream(events("", piece({"content": "a"}, "stop")), TARGET)).text == "a"


def test_a_whole_answer_in_one_event_is_understood() -> None:
    whole = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": {"total_tokens": 3}}

    result = fold(chat.parse_stream(events(whole), TARGET))

    assert result.text == "a"
    assert result.usage is not None
    assert result.usage.total_tokens == 3


def test_a_call_whose_id_comes_with_every_fragment_is_one_call() -> None:
    calls = [
        {"tool_calls": [{"index": 0, "id": "one", "function": {"name": "f", "arguments": "{"}}]},
        {"tool_calls": [{"index": 0, "id": "one", "function": {"name": "f", "arguments": "}"}}]},
        {"tool_calls": [{"index": 0, "id": "two", "function": {"name": "f", "arguments": "{}"}}]},
    ]

    result = fold(chat.parse_stream(events(*(piece(call) for call in calls), piece({}, "tool_calls")), TARGET))

    assert [(call.id, call.arguments) for call in result.tool_calls] == [("one", "{}"), ("two", "{}")]


def test_calls_without_ids_get_one_each_the_same_every_time() -> None:
    stream = [piece({"tool_calls": [{"index": i, "function": {"name": "f", "arguments": "{}"}}]}) for i in (0, 1)]

    first = fold(chat.parse_stream(events(*stream, "[DONE]"), TARGET)).tool_calls
    second = fold(chat.parse_stream(events(*stream, "[DONE]"), TARGET)).tool_calls

    assert first == second
    assert first[0].id != first[1].id
    assert all(call.id.startswith("call_") and len(call.id) <= 40 for call in first)


def test_fragments_of_the_older_function_call_are_joined() -> None:
    stream = [piece({"function_call": {"name": "f", "arguments": "{"}}), piece({"function_call": {"arguments": "}"}})]

    result = fold(chat.parse_stream(events(*stream, piece({}, "function_call")), TARGET))

    assert [(call.name, call.arguments) for call in result.tool_calls] == [("f", "{}")]
    assert result.finish_reason == "tool_calls"


def test_a_refusal_streams_into_the_extra() -> None:
    stream = [piece({"refusal": "I can"}), piece({"refusal": "not."}), piece({}, "stop")]

    assert fold(chat.parse_stream(events(*stream), TARGET)).choices[0].extra == {"refusal": "I cannot."}


def test_reasoning_may_come_in_details_only() -> None:
    details = [{"type": "reasoning.text", "text": "A capital."}, {"type": "reasoning.encrypted", "data": "x"}]
    message = {"content": "Paris.", "reasoning_details": details}

    result = chat.parse(answer({"choices": [{"message": message}]}), REQUEST, TARGET)

    assert (result.text, result.reasoning) == ("Paris.", "A capital.")
    assert result.choices[0].extra == {"reasoning_details": details}


def test_a_whole_message_beside_a_delta_is_not_read_twice() -> None:
    chunks = [piece({"content": "Par"}), piece({"content": "is."}), piece({}, "stop")]
    for chunk, so_far in zip(chunks, ("Par", "Paris.", "Paris."), strict=True):
        chunk["choices"][0]["message"] = {"role": "assistant", "content": so_far}

    assert fold(chat.parse_stream(events(*chunks), TARGET)).text == "Paris."


def test_a_choice_without_an_index_is_the_first() -> None:
    result = list(chat.parse_stream(events({"choices": [{"delta": {"content": "a"}}]}, "[DONE]"), TARGET))

    assert [delta.index for delta in result] == [0]

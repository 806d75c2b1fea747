"""The Messages wire beyond the golden pairs: malformed streams, schemas, and a turn that goes round."""

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.anthropic import chat
from tenant_llm.dialects.anthropic.schema import closed
from tenant_llm.dialects.contract import ChatDialect
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest, MalformedAnswer
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import ServerEvent, WireResponse

MODULE: ChatDialect = chat
TARGET = Target(ModelConfig("t", "m", "F", ModelType.CHAT, "anthropic", "https://a.example", "m"), Credential())


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("anthropic") is MODULE


@pytest.mark.parametrize("data", ["{", "[1]", '"text"'])
def test_an_event_that_is_no_json_object_is_malformed(data: str) -> None:
    events = [ServerEvent(data)]

    with pytest.raises(MalformedAnswer, match="an event of the provider's stream"):
        list(chat.parse_stream(events, TARGET))


@pytest.mark.parametrize("content", [b"[]", b'{"content": "text"}', b'{"content": [1]}'])
def test_an_answer_without_blocks_is_malformed(content: bytes) -> None:
    response = WireResponse(200, content)

    with pytest.raises(MalformedAnswer, match="no content"):
        chat.parse(response, ChatRequest([]), TARGET)


def test_a_piece_of_a_block_whose_start_is_missing_is_still_read() -> None:
    events = [
        ServerEvent('{"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "Hi"}}'),
        ServerEvent('{"type": "content_block_stop", "index": 3}'),
        ServerEvent('{"type": "message_stop"}'),
    ]

    deltas = list(chat.parse_stream(events, TARGET))

    assert [delta.text for delta in deltas] == ["Hi"]


def test_input_of_a_server_tool_that_is_cut_is_kept_as_text() -> None:
    start = '{"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "s"}}'
    piece = '{"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{"}}'
    stop = '{"type": "content_block_stop", "index": 0}'
    events = [ServerEvent(data) for data in (start, piece, stop, '{"type": "message_stop"}')]

    (delta,) = chat.parse_stream(events, TARGET)

    assert delta.extra == {"content_blocks": [{"type": "server_tool_use", "id": "s", "input": "{"}]}


def test_blocks_of_an_answer_sent_back_precede_what_was_said() -> None:
    answer = {
        "role": "assistant",
        "content": "A.",
        "thinking_blocks": [{"type": "redacted_thinking", "data": "x"}],
        "content_blocks": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}],
    }
    request = ChatRequest([{"role": "user", "content": "Q?"}, answer, {"role": "user", "content": "Why?"}])

    body = chat.body(request, TARGET)

    kinds = [block["type"] for block in body["messages"][1]["content"]]
    assert kinds == ["redacted_thinking", "server_tool_use", "text"]


def test_arguments_that_are_no_object_are_refused() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "[1]"}}
    request = ChatRequest([{"role": "assistant", "tool_calls": [call]}])

    with pytest.raises(InvalidRequest, match=r"'\[1\]'") as caught:
        chat.body(request, TARGET)

    assert caught.value.param == "messages[0].tool_calls[0].function.arguments"


def test_an_image_as_a_system_message_is_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    request = ChatRequest([{"role": "system", "content": [part]}])

    with pytest.raises(InvalidRequest) as caught:
        chat.body(request, TARGET)

    assert caught.value.param == "messages[0].content[0]"


def test_an_instruction_for_json_joins_a_marked_system_message() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    messages = [{"role": "system", "content": [{"type": "text", "text": "Long.", **mark}]}]
    request = ChatRequest(messages, response_format={"type": "json_object"})

    system = chat.body(request, TARGET)["system"]

    assert [block.get("cache_control") for block in system] == [{"type": "ephemeral"}, None]
    assert "JSON" in system[1]["text"]


def test_a_schema_is_closed_at_every_depth_and_left_as_it_was() -> None:
    inner = {"type": ["object", "null"], "properties": {"n": {"type": "array", "minItems": 2, "items": True}}}
    schema = {"type": "object", "properties": {"a": {"anyOf": [inner, {"allOf": [{"properties": {}}]}]}}}

    result = closed(schema)

    first, second = result["properties"]["a"]["anyOf"]
    assert result["additionalProperties"] is False
    assert first["additionalProperties"] is False
    assert first["properties"]["n"] == {"type": "array", "items": True, "description": '{"minItems": 2}'}
    assert second["allOf"][0]["additionalProperties"] is False
    assert "additionalProperties" not in schema

import json

import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatResult, Choice, ToolCall
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import invalid_request
from tenant_llm.surface.openai_chat import ask, render
from tests.support.events import load_event

_USER: JsonObject = {"role": "user", "content": "Hello"}


def _call(body: JsonObject, *, direct: bool = False) -> Call:
    return Call(Caller("tenant123", "r", Deadline.after(1)), body, direct=direct)


def _refused(body: JsonObject) -> InvalidRequest:
    with pytest.raises(ValidationError) as caught:
        ask(_call(body))
    return invalid_request(caught.value)


@pytest.mark.parametrize("name", ["chat_completions", "chat_completions_tools", "chat_completions_image"])
def test_messages_and_tools_go_on_as_the_caller_wrote_them(name: str) -> None:
    body = json.loads(load_event(f"http/{name}")["body"])

    asked = ask(_call(body))

    assert asked.model == "gpt-4@OpenAI"
    assert asked.request.messages == body["messages"]
    assert list(asked.request.tools) == body.get("tools", [])
    assert asked.request.tool_choice == body.get("tool_choice")
    assert asked.request.stream is False


def test_fields_without_a_place_of_their_own_are_params() -> None:
    body = {
        "messages": [_USER],
        "temperature": 1,
        "top_p": None,
        "stop": ["a"],
        "enable_thinking": False,
        "stream": True,
        "stream_options": {"include_usage": True, "x": 1},
        "response_format": {"type": "json_object"},
    }

    asked = ask(_call(body))

    assert asked.request.params == {
        "temperature": 1,
        "stop": ["a"],
        "enable_thinking": False,
        "stream_options": {"include_usage": True, "x": 1},
    }
    assert asked.request.response_format == {"type": "json_object"}
    assert asked.request.stream
    assert asked.include_usage
    assert asked.model is None


@pytest.mark.parametrize(
    "message",
    [
        {"role": "developer", "content": "x"},
        {"role": "user", "content": "", "name": "ann"},
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://example.com/v"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/i.png"}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": "AA=="}]},
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "x", "reasoning_content": "y"},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "assistant", "content": [], "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": ""}}]},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]},
        {"role": "function", "name": "f", "content": None},
    ],
)
def test_a_message_that_openai_takes_is_taken(message: JsonObject) -> None:
    assert ask(_call({"messages": [message]})).request.messages == [message]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [_USER, {"role": "robot", "content": "x"}]}, "messages[1].role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]},
            "messages[0].content[0].image_url",
        ),
        ({"messages": [{"role": "assistant", "content": None}]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": 5}]}]}, "messages[0].tool_calls[0].id"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": "2"}, "n"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop[1]"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_place(fields: JsonObject, param: str) -> None:
    error = _refused({"messages": [_USER], **fields})

    assert error.param == param
    assert error.message.startswith(param)
    assert "<" not in error.message.split(":")[0]


def test_a_long_value_is_quoted_short() -> None:
    error = _refused({"messages": [_USER], "temperature": "x" * 10_000})

    assert len(error.message) < 200


def test_messages_are_required() -> None:
    assert _refused({}).message == "messages is required"


def test_a_direct_events_llm_name_is_its_model() -> None:
    event = {"llm_type": "chat", "llm_name": "gpt-4@OpenAI", "request_id": "k", "messages": [_USER], "seed": 1}

    asked = ask(_call(event, direct=True))

    assert asked.model == "gpt-4@OpenAI"
    assert asked.request.params == {"seed": 1}


def test_over_http_a_field_called_llm_name_is_the_providers() -> None:
    asked = ask(_call({"messages": [_USER], "llm_name": "x"}))

    assert (asked.model, asked.request.params) == (None, {"llm_name": "x"})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"llm_type": "rerank"}, "llm_type"),
        ({"llm_name": "a", "model": "b"}, "llm_name"),
        ({"llm_type": 5}, "llm_type"),
    ],
)
def test_a_direct_event_for_something_else_is_refused(fields: JsonObject, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(_call({"messages": [_USER], **fields}, direct=True))

    assert caught.value.param == param


def _first(result: ChatResult) -> Json:
    return render(result)["choices"][0]


def test_an_answer_is_a_chat_completion() -> None:
    usage = Usage(10, 5, cached_tokens=4, reasoning_tokens=2)
    result = ChatResult((Choice("Hi", logprobs={"content": []}), Choice("Ho")), usage, "gpt-4@OpenAI")

    answer = render(result)

    assert answer.pop("id").startswith("chatcmpl-")
    assert isinstance(answer.pop("created"), int)
    assert answer == {
        "object": "chat.completion",
        "model": "gpt-4@OpenAI",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": {"content": []},
                "finish_reason": "stop",
            },
            {
                "index": 1,
                "message": {"role": "assistant", "content": "Ho", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            },
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def test_only_an_estimate_says_that_it_is_one() -> None:
    usage = render(ChatResult((Choice(),), Usage(1, 1, cache_write_tokens=1, estimated=True)))["usage"]

    assert usage["estimated"] is True
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 1}


def test_tool_calls_alone_have_no_content() -> None:
    call = ToolCall("call_1", "f", "{}", {"extra_content": {"google": {"thought_signature": "s"}}})

    choice = _first(ChatResult((Choice(tool_calls=(call,), finish_reason="tool_calls"),)))

    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {
            "extra_content": {"google": {"thought_signature": "s"}},
            "id": "call_1",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
        }
    ]


def test_reasoning_and_further_fields_stand_in_the_message() -> None:
    message = _first(ChatResult((Choice("x", reasoning="y", extra={"refusal": "no", "annotations": [1]}),)))["message"]

    assert message == {
        "role": "assistant",
        "content": "x",
        "refusal": "no",
        "annotations": [1],
        "reasoning_content": "y",
    }


def test_an_empty_answer_is_an_empty_text() -> None:
    assert _first(ChatResult((Choice(),)))["message"]["content"] == ""


def test_openais_own_client_reads_the_answer() -> None:
    from openai.types.chat import ChatCompletion

    call = ToolCall("call_1", "f", "{}")
    result = ChatResult((Choice(tool_calls=(call,), finish_reason="tool_calls"),), Usage(1, 2), "m@F")

    read = ChatCompletion.model_validate(render(result), strict=True)

    assert read.choices[0].message.tool_calls is not None
    assert read.usage is not None
    assert read.usage.total_tokens == 3

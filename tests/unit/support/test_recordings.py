"""What replays recordings, without any: the judge finds faults, and requests become OpenAI's of the same meaning."""

import json
from typing import Any

import httpx
import pytest

from tenant_llm.domain.model_type import ModelType
from tests.support.recordings import anthropic, converse, gemini, plain, verdict
from tests.support.recordings.records import Plan, plan

_CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
_TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}


def record(**changes: Any) -> dict[str, Any]:
    return {
        "provider": "Groq",
        "api": "openai-chat",
        "model_type": "chat",
        "url_path": "/openai/v1/chat/completions",
        "status": 200,
        "streaming": False,
        "request_body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "seed": 7},
        "request_body_encoding": "json",
        "expect": {"text": "Yes.", "finish": "stop", "prompt_tokens": 3, "completion_tokens": 2, "tool_calls": []},
    } | changes


def completion(content: str, finish: str = "stop", **usage: int) -> httpx.Response:
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5} | usage
    choice = {"message": {"content": content}, "finish_reason": finish}
    return httpx.Response(200, json={"choices": [choice], "usage": counts})


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        (completion("Yes."), 0),
        (completion("No."), 1),
        (completion("Yes.", "length"), 1),
        (completion("Yes.", completion_tokens=9, prompt_tokens=1), 2),
    ],
)
def test_an_answer_is_held_to_what_was_recorded(answer: httpx.Response, faults: int) -> None:
    assert len(list(verdict.faults_of_answer(record(), verdict.answered(record(), answer)))) == faults


@pytest.mark.parametrize(
    ("status", "ours", "message", "faults"),
    [
        (404, 404, "no such model", 0),
        (404, 400, "no such model", 1),
        (400, 400, "something went wrong", 1),
        (400, 400, "no such [key]", 0),
        (500, 502, "no such model", 0),
    ],
)
def test_an_error_keeps_message_and_status(status: int, ours: int, message: str, faults: int) -> None:
    error = {"message": message, "type": "x", "param": None, "code": "provider_rejected"}
    failed = record(status=status, expect={"error_message": "no such model"})

    assert len(list(verdict.faults_of_error(failed, httpx.Response(ours, json={"error": error})))) == faults


def test_what_is_booked_is_what_was_answered() -> None:
    read = verdict.answered(record(), completion("Yes."))
    totals = {"calls": 1, "input_tokens": 3, "output_tokens": 2, "total_tokens": 5}

    assert list(verdict.faults_of_books(read, totals, 5, calls=1)) == []
    assert len(list(verdict.faults_of_books(read, totals | {"output_tokens": 1}, 4, calls=1))) == 2


def test_a_number_that_was_not_sent_is_missed() -> None:
    def lines(**body: Any) -> list[str]:
        return [json.dumps({"body": body})]

    (fault,) = verdict.faults_of_meaning(record(), lines(model="m", messages="Hi", role="user"))

    assert fault == "not sent: '7.0'"


@pytest.mark.parametrize(
    ("provider", "factory"),
    [("Groq", "Groq"), ("x:Somebody", "OpenAI-API-Compatible"), ("Jina", "OpenAI-API-Compatible")],
)
def test_a_recording_is_served_by_its_factory_or_a_stand_in(provider: str, factory: str) -> None:
    assert plan(record(provider=provider)) == Plan(factory, ModelType.CHAT, "/openai/v1")


@pytest.mark.parametrize("changes", [{"api": "xai-tts"}, {"api": "never-seen"}, {"model_type": "image"}])
def test_a_recording_that_is_not_replayed_has_a_reason(changes: dict[str, str]) -> None:
    assert isinstance(plan(record(**changes)), str)


def test_messages_of_blocks_become_openais() -> None:
    body = {
        "max_tokens": 9,
        "system": "Be brief.",
        "stop_sequences": ["END"],
        "messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "2"}]},
        ],
        "tools": [{"name": "add", "description": "Adds.", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    }

    assert anthropic.chat(body) == {
        "max_tokens": 9,
        "stop": ["END"],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "2"},
        ],
        "tools": [_TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }


def test_contents_of_parts_become_openais() -> None:
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "Add."}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
            {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "add", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"output": "2"}}}]},
        ],
        "generationConfig": {"maxOutputTokens": 9, "topP": 0.5, "thinkingConfig": {"thinkingBudget": 0}},
        "tools": [{"functionDeclarations": [_TOOL["function"]]}],
    }

    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    assert gemini.chat(body, stream=True) == {
        "max_tokens": 9,
        "top_p": 0.5,
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Add."}, image]},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "name": "add", "content": "2"},
        ],
        "tools": [_TOOL],
        "stream": True,
    }


def test_converses_blocks_become_openais() -> None:
    body = {
        "inferenceConfig": {"maxTokens": 9},
        "messages": [
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "add", "input": {"a": 1}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "2"}]}}]},
        ],
    }

    assert converse.chat(body, stream=False) == {
        "max_tokens": 9,
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "2"}]},
        ],
    }


def test_options_and_images_beside_the_text_become_openais() -> None:
    body: dict[str, Any] = {"model": "m", "options": {"num_predict": 9, "seed": 7}, "format": "json"}
    body |= {"messages": [{"role": "user", "content": "See.", "images": ["AA=="]}]}

    asked = plain.ollama_chat(body)

    assert (asked["max_tokens"], asked["seed"], asked["response_format"]) == (9, 7, {"type": "json_object"})
    assert asked["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64,AA=="

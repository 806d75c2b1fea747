import json
from collections.abc import Generator, Iterable

import pytest

from tenant_llm.domain.chat import ChatDelta, ToolCallDelta
from tenant_llm.domain.errors import ProviderUnavailable
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.sse import frames


def _stream(deltas: Iterable[ChatDelta], ends: list[str] | None = None) -> Generator[ChatDelta]:
    try:
        yield from deltas
    finally:
        if ends is not None:
            ends.append("closed")


def _sent(deltas: Iterable[ChatDelta], *, include_usage: bool = False) -> list[Json]:
    sent = list(frames(_stream(deltas), include_usage=include_usage))
    assert all(frame.startswith("data: ") and frame.endswith("\n\n") and frame.count("\n") == 2 for frame in sent)
    return [frame[6:-2] if frame == "data: [DONE]\n\n" else json.loads(frame[6:]) for frame in sent]


def _choices(sent: list[Json]) -> list[JsonObject]:
    return [choice for chunk in sent[:-1] for choice in chunk["choices"]]


def _heads(sent: list[Json]) -> list[tuple[int, JsonObject, str | None]]:
    return [(choice["index"], choice["delta"], choice["finish_reason"]) for choice in _choices(sent)]


_ROLE = {"role": "assistant", "content": ""}


def test_the_role_comes_first_then_the_text_then_the_finish_then_done() -> None:
    sent = _sent([ChatDelta("Hel", model="m@F"), ChatDelta("lo", model="m@F"), ChatDelta(finish_reason="length")])

    assert _heads(sent) == [
        (0, _ROLE, None),
        (0, {"content": "Hel"}, None),
        (0, {"content": "lo"}, None),
        (0, {}, "length"),
    ]
    assert sent[-1] == "[DONE]"


def test_the_chunks_of_an_answer_share_their_head() -> None:
    sent = _sent([ChatDelta("a", model="m@F"), ChatDelta("b")])

    assert len({(chunk["id"], chunk["created"]) for chunk in sent[:-1]}) == 1
    assert {chunk["object"] for chunk in sent[:-1]} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in sent[:-1]} == {"m@F"}


def test_reasoning_tool_calls_and_further_fields_are_pieces() -> None:
    calls = (ToolCallDelta(0, "c", "f", "", {"x": 1}), ToolCallDelta(0, arguments="{}"))

    sent = _sent([ChatDelta(reasoning="why"), ChatDelta(tool_calls=calls), ChatDelta(extra={"refusal": "no"})])

    assert [delta for _, delta, _ in _heads(sent)[1:-1]] == [
        {"reasoning_content": "why"},
        {
            "tool_calls": [
                {"x": 1, "index": 0, "function": {"name": "f", "arguments": ""}, "id": "c", "type": "function"},
                {"index": 0, "function": {"arguments": "{}"}},
            ]
        },
        {"refusal": "no"},
    ]


def test_each_choice_has_its_role_and_its_finish() -> None:
    sent = _sent([ChatDelta("a"), ChatDelta("b", index=1), ChatDelta(finish_reason="stop", index=1)])

    assert _heads(sent) == [
        (0, _ROLE, None),
        (0, {"content": "a"}, None),
        (1, _ROLE, None),
        (1, {"content": "b"}, None),
        (1, {}, "stop"),
        (0, {}, "stop"),
    ]


@pytest.mark.parametrize(
    ("deltas", "reason"),
    [
        ([], "stop"),
        ([ChatDelta("a")], "stop"),
        ([ChatDelta(tool_calls=(ToolCallDelta(0, "c", "f", "{}"),))], "tool_calls"),
        ([ChatDelta(finish_reason="length"), ChatDelta(extra={"late": 1})], "length"),
    ],
)
def test_an_answer_has_one_finish_reason_whatever_the_provider_sent(deltas: list[ChatDelta], reason: str) -> None:
    reasons = [choice["finish_reason"] for choice in _choices(_sent(deltas)) if choice["finish_reason"]]

    assert reasons == [reason]


def test_logprobs_stand_beside_the_delta() -> None:
    sent = _sent([ChatDelta("a", logprobs={"content": [1]})])

    assert _choices(sent)[1]["logprobs"] == {"content": [1]}


def test_usage_comes_last_and_only_when_asked_for() -> None:
    deltas = [ChatDelta("a"), ChatDelta(usage=Usage(1, 1)), ChatDelta(usage=Usage(3, 2), model="m@F")]

    asked, not_asked = _sent(deltas, include_usage=True), _sent(deltas)

    assert asked[-2]["choices"] == []
    assert asked[-2]["usage"]["total_tokens"] == 5
    assert [chunk["usage"] for chunk in asked[:-2]] == [None] * (len(asked) - 2)
    assert not any("usage" in chunk for chunk in not_asked[:-1])
    assert all(chunk["choices"] for chunk in not_asked[:-1])


def test_a_failure_in_the_middle_ends_the_stream_with_an_error() -> None:
    def failing() -> Generator[ChatDelta]:
        yield ChatDelta("a")
        raise ProviderUnavailable("the stream broke off")

    sent = _sent(failing())

    assert _heads(sent) == [(0, _ROLE, None), (0, {"content": "a"}, None)]
    assert sent[-1]["error"]["code"] == "provider_unavailable"


def test_hanging_up_closes_the_deltas() -> None:
    ends: list[str] = []
    sent = frames(_stream([ChatDelta("a"), ChatDelta("b")], ends))
    next(sent)

    sent.close()

    assert ends == ["closed"]


def test_openais_own_client_reads_the_chunks() -> None:
    from openai.types.chat import ChatCompletionChunk

    deltas = [ChatDelta(tool_calls=(ToolCallDelta(0, "c", "f", "{}"),), model="m@F"), ChatDelta(usage=Usage(1, 2))]

    read = [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in _sent(deltas, include_usage=True)[:-1]]

    assert read[-1].usage is not None
    assert read[-1].usage.total_tokens == 3


def test_a_character_cut_in_two_pieces_arrives_whole() -> None:
    sent = list(frames(_stream([ChatDelta("\ud83d"), ChatDelta("\ude00")])))

    halves = "".join(json.loads(frame[6:])["choices"][0]["delta"].get("content", "") for frame in sent[:-1])
    assert "".join(sent).encode()
    assert halves.encode("utf-16", "surrogatepass").decode("utf-16") == "😀"

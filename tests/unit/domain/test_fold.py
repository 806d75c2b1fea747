"""The whole that deltas add up to."""

from tenant_llm.domain.chat import ChatDelta, ChatResult, Choice, ToolCall, ToolCallDelta, fold, unfold
from tenant_llm.domain.usage import Usage


def test_no_deltas_fold_to_an_empty_choice() -> None:
    assert fold([]) == ChatResult((Choice(),))


def test_the_last_usage_and_model_win() -> None:
    deltas = [ChatDelta("a", model="m", usage=Usage(1, 1)), ChatDelta("b", usage=Usage(1, 2)), ChatDelta(model="n")]

    assert fold(deltas) == ChatResult((Choice("ab"),), Usage(1, 2), "n")


def test_a_usage_of_zero_counts_and_makes_no_choice() -> None:
    deltas = [ChatDelta("a", index=1), ChatDelta(usage=Usage())]

    assert fold(deltas) == ChatResult((Choice("a"),), Usage())


def test_choices_are_put_together_by_their_index() -> None:
    deltas = [
        ChatDelta("b", index=1),
        ChatDelta("a", reasoning="x"),
        ChatDelta("B", index=1, finish_reason="length"),
        ChatDelta("A", reasoning="y", finish_reason="stop"),
    ]

    assert fold(deltas).choices == (Choice("aA", "xy"), Choice("bB", finish_reason="length"))


def test_fragments_of_calls_are_joined_by_choice_and_index() -> None:
    first, second = ToolCallDelta(0, "one", "f", "{"), ToolCallDelta(1, "two", "g", "", {"sign": "s"})
    deltas = [
        ChatDelta(tool_calls=(first,)),
        ChatDelta(tool_calls=(ToolCallDelta(0, arguments="}"), second)),
        ChatDelta(tool_calls=(ToolCallDelta(0, "other", "h", "[]"),), index=1),
        ChatDelta(tool_calls=(ToolCallDelta(1, arguments="1"),), finish_reason="tool_calls"),
    ]

    one, other = fold(deltas).choices

    assert one.tool_calls == (ToolCall("one", "f", "{}"), ToolCall("two", "g", "1", {"sign": "s"}))
    assert other.tool_calls == (ToolCall("other", "h", "[]"),)


def test_logprobs_and_extras_are_merged() -> None:
    deltas = [
        ChatDelta(
            "a", logprobs={"content": [1]}, extra={"refusal": "No", "audio": {"id": "x", "data": "ab"}, "n": "a"}
        ),
        ChatDelta(
            "b", logprobs={"content": [2], "refusal": None}, extra={"refusal": ".", "audio": {"data": "cd"}, "n": "b"}
        ),
    ]

    choice = fold(deltas).choices[0]

    assert choice.logprobs == {"content": [1, 2], "refusal": None}
    assert choice.extra == {"refusal": "No.", "audio": {"id": "x", "data": "abcd"}, "n": "b"}


def test_folding_changes_no_delta() -> None:
    delta = ChatDelta("a", extra={"list": [1]})

    fold([delta, ChatDelta("b", extra={"list": [2]})])

    assert delta.extra == {"list": [1]}


def test_a_whole_answer_as_deltas_folds_to_itself() -> None:
    calls = (ToolCall("1", "f", "{}", {"signature": "s"}), ToolCall("2", "g", "[]"))
    choices = (Choice("a", "b", calls, "tool_calls", {"content": [1]}, {"refusal": "no"}), Choice("c"))
    result = ChatResult(choices, Usage(1, 2), "m")

    assert fold(unfold(result)) == result

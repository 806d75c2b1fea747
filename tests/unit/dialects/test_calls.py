import pytest

from tenant_llm.dialects.calls import arguments_of, made_up_id, names_of
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json


def test_a_made_up_id_is_the_same_for_the_same_call_alone() -> None:
    ids = [made_up_id("a", 0, 0), made_up_id("a", 0, 1), made_up_id("a", 1, 0), made_up_id("b", 0, 0)]

    assert made_up_id("a", 0, 0) == ids[0]
    assert len(set(ids)) == len(ids)


def test_an_answers_id_may_hold_half_a_surrogate_pair() -> None:
    assert made_up_id("\ud83d", 0, 0) != made_up_id("\ud83c", 0, 0)


@pytest.mark.parametrize("given", ['{"a": [1]}', {"a": [1]}])
def test_arguments_are_decoded(given: Json) -> None:
    assert arguments_of({"arguments": given}, "x") == {"a": [1]}


@pytest.mark.parametrize("given", [None, ""])
def test_no_arguments_are_an_empty_object(given: Json) -> None:
    assert arguments_of({"arguments": given}, "x") == {}


@pytest.mark.parametrize("given", ["{", "[1]", "1", [1], 1])
def test_arguments_of_another_kind_are_refused_by_their_path(given: Json) -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments_of({"arguments": given}, "messages[1].tool_calls[0].function")

    assert caught.value.param == "messages[1].tool_calls[0].function.arguments"


def test_functions_are_known_by_the_ids_of_their_calls() -> None:
    messages: list[dict[str, Json]] = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}}],
        },
        {"role": "assistant", "tool_calls": None},
    ]

    assert names_of(messages) == {"a": "f", "b": "g"}


def test_calls_that_are_no_list_are_refused_by_their_path() -> None:
    with pytest.raises(InvalidRequest) as caught:
        names_of([{"role": "assistant", "tool_calls": "f"}])

    assert caught.value.param == "messages[0].tool_calls"

"""Token counts of OpenAI's wire and its speakers."""

import pytest

from tenant_llm.dialects.openai.usage import chat_usage, input_usage
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json


@pytest.mark.parametrize(
    "usage", [None, {}, "x", [], {"prompt_tokens": None}, {"prompt_tokens": "7"}, {"total_tokens": True}]
)
def test_nothing_counted_is_no_usage(usage: Json) -> None:
    assert chat_usage(usage) is None
    assert input_usage(usage) is None


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (0, 0)),
        ({"prompt_tokens": 5, "completion_tokens": 7}, (5, 7)),
        ({"prompt_tokens": 5, "total_tokens": 12}, (5, 7)),
        ({"completion_tokens": 7, "total_tokens": 12}, (5, 7)),
        ({"total_tokens": 12}, (12, 0)),
        ({"completion_tokens": 7}, (0, 7)),
        ({"completion_tokens": 7, "total_tokens": 5}, (0, 7)),
        ({"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}, (5, 7)),
        ({"prompt_tokens": 5.0, "completion_tokens": 7.0, "total_tokens": 12.0}, (5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 10}, (5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 20}, (5, 15)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 20, "prompt_audio_seconds": 0}, (13, 7)),
    ],
)
def test_what_is_missing_follows_from_the_total(usage: Json, counts: tuple[int, int]) -> None:
    found = chat_usage(usage)

    assert found is not None
    assert (found.input_tokens, found.output_tokens) == counts


def test_details_are_found_wherever_they_stand() -> None:
    inside = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_creation_input_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 40},
    }
    beside = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": None,
        "prompt_cache_hit_tokens": 60,
        "cache_creation_input_tokens": 10,
        "reasoning_tokens": 40,
    }

    assert chat_usage(inside) == chat_usage(beside) == Usage(100, 50, 60, 10, 40)


def test_a_cache_that_was_not_hit_stays_zero() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 0},
        "cached_tokens": 5,
    }

    assert chat_usage(usage) == Usage(9, 1)


def test_an_embedding_counts_its_total_as_input() -> None:
    assert input_usage({"prompt_tokens": 8, "total_tokens": 8}) == Usage(8)
    assert input_usage({"prompt_tokens": 8}) == Usage(8)
    assert input_usage({"input_tokens": 8}) == Usage(8)
    assert input_usage({"total_tokens": 0}) == Usage(0)

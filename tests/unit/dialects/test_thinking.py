"""Reasoning in front of a text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.dialects.thinking import ThinkSplitter, split


def in_pieces(pieces: list[str]) -> tuple[str, str]:
    """Text and reasoning of a text that comes in pieces."""
    splitter = ThinkSplitter()
    parts = [*(splitter.feed(piece) for piece in pieces), splitter.finish()]
    return "".join(text for text, _ in parts), "".join(thought for _, thought in parts)


@pytest.mark.parametrize(
    ("whole", "text", "reasoning"),
    [
        ("Paris.", "Paris.", ""),
        ("<think>A capital.</think>Paris.", "Paris.", "A capital."),
        (" \n<think>\nA < b\n</think>\n\nParis.\n", "Paris.\n", "A < b"),
        ("<think></think>Paris.", "Paris.", ""),
        ("Is <think>this</think> it?", "Is <think>this</think> it?", ""),
        ("<think>cut off </thi", "", "cut off </thi"),
        ("<thin", "<thin", ""),
        ("  ", "  ", ""),
        ("<think>a</think>", "", "a"),
    ],
)
def test_a_thought_at_the_start_is_told_from_the_text(whole: str, text: str, reasoning: str) -> None:
    assert split(whole) == (text, reasoning)
    assert in_pieces(list(whole)) == (text, reasoning)


@given(st.text(st.sampled_from("<>/think \nab")), st.lists(st.integers(min_value=0)))
def test_a_text_in_any_pieces_is_read_as_the_whole(rest: str, places: list[int]) -> None:
    whole = f"<think>{rest}"
    ends = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]

    pieces = [whole[start:end] for start, end in pairwise(ends)]

    assert in_pieces(pieces) == split(whole)


def test_a_tag_is_no_markup_where_reasoning_has_a_field() -> None:
    splitter = ThinkSplitter()
    splitter.off()

    assert splitter.feed("<think>x") == ("<think>x", "")

"""Texts cut for speech: nothing is lost, nothing is torn, nothing is too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.domain.passages import passages, utf8_size

TEXTS = st.text(st.sampled_from("aé漢🎈 .。!\n\t")) | st.text()


@given(TEXTS, st.integers(min_value=4, max_value=30), st.sampled_from([len, utf8_size]))
def test_passages_are_the_text_but_for_white_space_at_the_seams(text: str, most: int, size: type[int]) -> None:
    parts = passages(text, most, size)

    rest = text
    for part in parts:
        rest = rest if rest.startswith(part) else rest.lstrip()
        assert rest.startswith(part)
        rest = rest[len(part) :]
    assert not rest.strip()


@given(TEXTS, st.integers(min_value=4, max_value=30), st.sampled_from([len, utf8_size]))
def test_no_passage_is_empty_or_too_long(text: str, most: int, size: type[int]) -> None:
    parts = passages(text, most, size)

    assert all(size(part) <= most for part in parts)
    assert parts == [text] or all(part.strip() for part in parts)


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert passages(" a b. ", 6) == [" a b. "]


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("One. Two three. Four", 16, ["One. Two three.", "Four"]),
        ("It is 3.14 now. Yes", 12, ["It is 3.14", "now. Yes"]),
        ('He said "No." And went', 15, ['He said "No."', "And went"]),
        ("第一句。第二句！第三", 8, ["第一句。第二句！", "第三"]),
        ("「好。」他說了話", 5, ["「好。」", "他說了話"]),
        ("Title\nand a text", 12, ["Title", "and a text"]),
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 7, ["one two", "three"]),
        ("one two\nthree", 7, ["one two", "three"]),
        ("abcdefgh", 5, ["abcde", "fgh"]),
    ],
)
def test_the_cut_is_behind_a_sentence_else_a_word_else_anywhere(text: str, most: int, expected: list[str]) -> None:
    assert passages(text, most) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcde\u0301f", ["abcd", "e\u0301f"]),  # a letter and its accent
        ("abc👩\u200d💻d", ["abc", "👩\u200d💻d"]),  # two emoji that are one
        ("abcd👍🏽e", ["abcd", "👍🏽e"]),  # a hand and its colour
    ],
)
def test_a_character_of_several_code_points_stays_whole(text: str, expected: list[str]) -> None:
    assert passages(text, 5) == expected


def test_one_character_longer_than_a_call_is_cut_all_the_same() -> None:
    zalgo = "e" + "\u0301" * 9

    assert passages(zalgo, 5) == [zalgo[:5], zalgo[5:]]


def test_bytes_are_counted_as_utf8() -> None:
    assert passages("漢字漢字", 7, utf8_size) == ["漢字", "漢字"]

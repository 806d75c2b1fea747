"""Bytes into events, however they are cut."""

import json
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.dialects.sse import ndjson, sse
from tenant_llm.domain.wire import ServerEvent

STREAM = (
    "\ufeff: a comment\r\n"
    "event: début\r\ndata: grüße\r\n\r\n"
    "data:no space\rdata:  two spaces\r\r"
    "id: 7\nretry: 10\ndata\n\n"
    "event: nothing\n\n"
    "data: 日本語 🌍\n\n"
    "data: never\ndata:finished"
).encode()
EVENTS = [
    ServerEvent("grüße", "début"),
    ServerEvent("no space\n two spaces"),
    ServerEvent(""),
    ServerEvent("日本語 🌍"),
    ServerEvent("never\nfinished"),
]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces that end at the places."""
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


def test_an_event_stream_in_one_piece_gives_its_events() -> None:
    assert list(sse([STREAM])) == EVENTS


def test_an_event_stream_cut_after_every_byte_gives_the_same_events() -> None:
    assert list(sse(bytes([byte]) for byte in STREAM)) == EVENTS


def test_an_event_stream_cut_at_any_one_byte_gives_the_same_events() -> None:
    for place in range(len(STREAM) + 1):
        assert list(sse([STREAM[:place], STREAM[place:]])) == EVENTS


@given(st.lists(st.integers(min_value=0)))
def test_an_event_stream_cut_anywhere_gives_the_same_events(places: list[int]) -> None:
    assert list(sse(cut(STREAM, places))) == EVENTS


@given(st.lists(st.text(st.characters(exclude_characters="\r\n"))), st.lists(st.integers(min_value=0)))
def test_what_was_written_is_read_back(texts: list[str], places: list[int]) -> None:
    stream = "".join(f"data: {text}\n\n" for text in texts).encode(errors="replace")

    read = [event.data for event in sse(cut(stream, places))]

    assert read == [text.encode(errors="replace").decode() for text in texts]


def test_an_event_is_told_before_the_next_byte_is_asked_for() -> None:
    asked = []

    def one_by_one() -> Iterator[bytes]:
        for byte in b"data: a\n\ndata: b\n\n":
            asked.append(byte)
            yield bytes([byte])

    first = next(sse(one_by_one()))

    assert first == ServerEvent("a")
    assert len(asked) == len(b"data: a\n\n")


def test_a_line_separator_of_unicode_ends_no_line() -> None:
    assert list(sse(["data: a\u2028b\x0bc\n\n".encode()])) == [ServerEvent("a\u2028b\x0bc")]


def test_a_json_body_instead_of_a_stream_is_one_event() -> None:
    body = b'{"base_resp":\n {"status_code": 1008}}'

    assert list(sse([body[:9], body[9:]])) == [ServerEvent(body.decode())]


def test_a_json_array_instead_of_a_stream_is_an_event_an_item() -> None:
    body = b'[{"text": "a"}\n,\r\n{"text": "\xc3\xa9"}\n]'

    events = list(sse([body[:20], body[20:]]))

    assert [json.loads(event.data) for event in events] == [{"text": "a"}, {"text": "é"}]
    assert list(sse([b"[broken"])) == [ServerEvent("[broken")]


def test_no_bytes_are_no_events() -> None:
    assert list(sse([])) == []
    assert list(sse([b""])) == []


@given(st.lists(st.integers(min_value=0)))
def test_newline_delimited_json_gives_an_event_a_line(places: list[int]) -> None:
    lines = '{"text":"é"}\r\n\n{"done":true}'.encode()

    assert list(ndjson(cut(lines, places))) == [ServerEvent('{"text":"é"}'), ServerEvent('{"done":true}')]

"""AWS's binary framing into events, however the bytes are cut."""

import struct
from binascii import crc32
from collections.abc import Iterator
from itertools import pairwise
from json import loads
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.eventstream import events
from tenant_llm.domain import errors
from tenant_llm.domain.errors import MalformedAnswer, ProviderUnavailable
from tenant_llm.domain.wire import ServerEvent
from tests.support.eventstream import event, exception, message

STREAM = b"".join(
    [
        event("messageStart", {"role": "assistant"}),
        event("contentBlockDelta", {"delta": {"text": "grüße 🌍"}}),
        message(b"", {":event-type": "empty"}),
        event("messageStop", {"stopReason": "end_turn"}),
    ]
)
EVENTS = [
    ServerEvent('{"role": "assistant"}', "messageStart"),
    ServerEvent('{"delta": {"text": "grüße 🌍"}}', "contentBlockDelta"),
    ServerEvent("", "empty"),
    ServerEvent('{"stopReason": "end_turn"}', "messageStop"),
]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


def test_the_framing_of_these_tests_is_the_one_that_the_official_client_reads() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(STREAM)

    read: list[Any] = list(buffer)

    assert [ServerEvent(found.payload.decode(), found.headers[":event-type"]) for found in read] == EVENTS


def test_a_stream_in_one_piece_gives_its_events() -> None:
    assert list(events([STREAM])) == EVENTS


def test_a_stream_cut_after_every_byte_gives_the_same_events() -> None:
    assert list(events(bytes([byte]) for byte in STREAM)) == EVENTS


@pytest.mark.parametrize("place", range(len(STREAM) + 1))
def test_a_stream_cut_anywhere_gives_the_same_events(place: int) -> None:
    assert list(events([STREAM[:place], STREAM[place:]])) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_cut_in_many_places_gives_the_same_events(places: list[int]) -> None:
    assert list(events(cut(STREAM, places))) == EVENTS


def test_an_event_is_given_before_the_next_bytes_are_asked_for() -> None:
    asked: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for chunk in cut(STREAM, [len(event("messageStart", {"role": "assistant"}))]):
            asked.append(chunk)
            yield chunk

    assert next(events(chunks())) == EVENTS[0]
    assert len(asked) == 1


@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_a_changed_byte_never_goes_unseen(place: int, change: int) -> None:
    broken = bytearray(STREAM)
    broken[place] ^= change

    with pytest.raises((MalformedAnswer, ProviderUnavailable)):
        list(events([bytes(broken)]))


@pytest.mark.parametrize("length", [1, 11, 12, 40, len(STREAM) - 1])
def test_a_stream_that_ends_within_a_message_has_ended_early(length: int) -> None:
    with pytest.raises(ProviderUnavailable, match="ended early"):
        list(events([STREAM[:length]]))


def test_json_instead_of_a_stream_is_quoted() -> None:
    with pytest.raises(MalformedAnswer, match="no event stream"):
        list(events([b'{"message": "not today"}']))


def prelude(total: int, headers: int) -> bytes:
    head = struct.pack(">II", total, headers)
    return head + struct.pack(">I", crc32(head))


@pytest.mark.parametrize(("total", "headers"), [(15, 0), (0, 0), (16, 1), (2**31, 0)])
def test_a_length_that_cannot_be_is_refused_before_it_is_waited_for(total: int, headers: int) -> None:
    with pytest.raises(MalformedAnswer, match=f"{total} bytes"):
        list(events([prelude(total, headers)]))


@pytest.mark.parametrize(
    "value",
    [
        b"\x00",
        b"\x01",
        b"\x02a",
        b"\x03ab",
        b"\x04abcd",
        b"\x05abcdefgh",
        b"\x06\x00\x02ab",
        b"\x08abcdefgh",
        b"\x09abcdefghijklmnop",
    ],
)
def test_headers_of_other_types_are_passed_over(value: bytes) -> None:
    assert list(events([message(b"x", {"first": value, ":event-type": "e"})])) == [ServerEvent("x", "e")]


@pytest.mark.parametrize("value", [b"\x0a", b"", b"\x07\x00\x01\xff"])
def test_broken_headers_are_refused(value: bytes) -> None:
    with pytest.raises(MalformedAnswer, match="broken headers"):
        list(events([message(b"x", {"first": value})]))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("throttlingException", errors.RateLimited),
        ("internalServerException", errors.ProviderUnavailable),
        ("modelStreamErrorException", errors.ProviderUnavailable),
        ("serviceUnavailableException", errors.ProviderUnavailable),
        ("modelTimeoutException", errors.ProviderUnavailable),
        ("validationException", errors.ProviderRejected),
        ("accessDeniedException", errors.CredentialRejected),
    ],
)
def test_an_exception_means_the_error_that_it_is_called(kind: str, expected: type[errors.ProviderError]) -> None:
    (found,) = events([exception(kind, "no more of it")])

    with pytest.raises(expected, match="no more of it") as caught:
        refuse_error_object(loads(found.data), {})
    assert type(caught.value) is expected
    assert found.event == kind


def test_an_error_of_the_framing_tells_its_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "broke"}

    (found,) = events([message(b"", headers)])

    assert loads(found.data) == {"error": {"type": "InternalError", "message": "broke"}}


@pytest.mark.parametrize("payload", ["plain words", "[1]", '{"Reason": 1}'])
def test_an_exception_without_a_message_tells_its_payload(payload: str) -> None:
    (found,) = events([message(payload.encode(), {":message-type": "exception", ":exception-type": "e"})])

    assert loads(found.data)["error"]["message"] == payload

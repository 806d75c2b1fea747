import json

import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.wire import WireRequest
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import Cut, Gate, ProviderServer
from tests.support.transport import events_of, post, soon, target


def test_events_are_handed_out_while_the_provider_still_holds_the_rest(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    gate = Gate()
    provider.stream(b"data: one\n\n", gate, b"data: two\n\n")

    with transport.stream(events_of(provider), target(), soon()) as events:
        first = next(events)
        held = not gate.event.is_set()
        gate.open()
        rest = list(events)

    assert held
    assert [first.data, *(event.data for event in rest)] == ["one", "two"]


def test_lines_of_json_are_events_too(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b'{"a":1}\n{"a"', b":2}\n", content_type="application/x-ndjson")
    wire = WireRequest(f"{provider.url}/v1/x", json={}, framing="ndjson")

    with transport.stream(wire, target(), soon()) as events:
        assert [json.loads(event.data) for event in events] == [{"a": 1}, {"a": 2}]


def test_a_stream_is_not_asked_for_compressed(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b"data: one\n\n")

    with transport.stream(events_of(provider), target(), soon()) as events:
        list(events)

    assert provider.requests[0].headers["accept-encoding"] == "identity"


def test_a_stream_without_events_is_empty(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream()

    with transport.stream(events_of(provider), target(), soon()) as events:
        assert list(events) == []


def test_a_request_without_framing_has_no_events(transport: HttpTransport, provider: ProviderServer) -> None:
    with (
        pytest.raises(ValueError, match="without framing"),
        transport.stream(post(provider), target(), soon()),
    ):
        pass


def test_a_refused_stream_is_tried_again(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({}, status=503)
    provider.stream(b"data: one\n\n")

    with transport.stream(events_of(provider), target(), soon()) as events:
        data = [event.data for event in events]

    assert (data, len(provider.requests)) == (["one"], 2)


def test_a_stream_that_breaks_off_before_its_first_event_is_tried_again(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.stream(b"data: on", Cut())
    provider.stream(b"data: one\n\n")

    with transport.stream(events_of(provider), target(), soon()) as events:
        data = [event.data for event in events]

    assert (data, len(provider.requests)) == (["one"], 2)


def test_a_passing_fault_as_the_first_event_is_tried_again(transport: HttpTransport, provider: ProviderServer) -> None:
    fault = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    provider.stream(b"event: error\ndata: " + json.dumps(fault).encode() + b"\n\n")
    provider.stream(b"data: one\n\n")

    with transport.stream(events_of(provider), target(), soon()) as events:
        data = [event.data for event in events]

    assert (data, len(provider.requests)) == (["one"], 2)


def test_a_lasting_fault_as_the_first_event_is_the_dialects_to_read(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    fault = json.dumps({"error": {"message": "no such model", "code": "model_not_found"}})
    provider.stream(f"data: {fault}\n\n".encode())

    with transport.stream(events_of(provider), target(), soon()) as events:
        data = [event.data for event in events]

    assert (data, len(provider.requests)) == ([fault], 1)


@pytest.mark.parametrize("data", ["[" * 100_000, "1" * 5000, "{", "null"], ids=["deep", "long", "cut", "null"])
def test_an_odd_first_event_is_the_dialects_to_read(
    transport: HttpTransport, provider: ProviderServer, data: str
) -> None:
    provider.stream(f"data: {data}\n\n".encode())

    with transport.stream(events_of(provider), target(), soon()) as events:
        assert [event.data for event in events] == [data]


def test_a_stream_that_breaks_off_after_an_event_is_not_repeated(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.stream(b"data: one\n\n", Cut())

    with transport.stream(events_of(provider), target(), soon()) as events:
        first = next(events)
        with pytest.raises(errors.ProviderUnavailable):
            next(events)

    assert (first.data, len(provider.requests)) == ("one", 1)


def test_a_stream_that_falls_silent_ends_with_the_deadline(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b"data: one\n\n", Gate())

    with transport.stream(events_of(provider), target(), Deadline.after(0.3)) as events:
        first = next(events)
        with pytest.raises(errors.DeadlineExceeded):
            next(events)

    assert first.data == "one"


def test_what_has_arrived_already_is_not_handed_out_after_the_deadline(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    now = [0.0]
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    provider.raw(head + b"b\r\ndata: one\n\n\r\n" + b"b\r\ndata: two\n\n\r\n0\r\n\r\n")

    with transport.stream(events_of(provider), target(), Deadline(10.0, lambda: now[0])) as events:
        first = next(events)
        now[0] = 11.0
        with pytest.raises(errors.DeadlineExceeded):
            next(events)

    assert first.data == "one"


def test_leaving_a_stream_early_hangs_up(transport: HttpTransport, provider: ProviderServer) -> None:
    gate = Gate()
    provider.stream(b"data: one\n\n", gate, *[b"data: more\n\n" * 1000] * 200)

    with transport.stream(events_of(provider), target(), soon()) as events:
        next(events)
    gate.open()

    assert provider.hung_up.wait(10)


def test_an_error_of_the_reader_hangs_up(transport: HttpTransport, provider: ProviderServer) -> None:
    gate = Gate()
    provider.stream(b"data: one\n\n", gate, *[b"data: more\n\n" * 1000] * 200)

    def read() -> None:
        with transport.stream(events_of(provider), target(), soon()) as events:
            raise KeyError(next(events).data)

    with pytest.raises(KeyError, match="one"):
        read()
    gate.open()

    assert provider.hung_up.wait(10)


def test_a_reader_who_stops_at_the_last_event_leaves_the_connection_usable(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.stream(b"data: one\n\n", b"data: [DONE]\n\n")

    read: list[str] = []
    for _ in range(3):
        with transport.stream(events_of(provider), target(), soon()) as events:
            read += [next(events).data, next(events).data]

    assert (read, provider.connections) == (["one", "[DONE]"] * 3, 1)


def test_bytes_are_handed_out_while_the_provider_still_holds_the_rest(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    gate = Gate()
    provider.stream(b"ID3", gate, b"sound", content_type="audio/mpeg")

    with transport.stream_bytes(post(provider), target(), soon()) as (headers, chunks):
        first = next(chunks)
        held = not gate.event.is_set()
        gate.open()
        rest = b"".join(chunks)

    assert held
    assert (headers["content-type"], first, rest) == ("audio/mpeg", b"ID3", b"sound")


def test_bytes_that_break_off_before_the_first_are_asked_for_again(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.stream(Cut(), content_type="audio/mpeg")
    provider.stream(b"ID3", content_type="audio/mpeg")

    with transport.stream_bytes(post(provider), target(), soon()) as (_, chunks):
        assert b"".join(chunks) == b"ID3"

import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from socket import socket

import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.wire import File, Form, WireRequest
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import Cut, Gate, ProviderServer
from tests.support.transport import OPEN, post, soon, target


def test_a_json_request_arrives_as_it_was_rendered(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"ok": 1}, headers={"X-Thing": "yes"})
    wire = WireRequest(f"{provider.url}/v1/x", headers={"X-A": "b"}, query={"q": "1 2"}, json={"a": "ü"})

    response = transport.send(wire, target(), soon())

    assert (response.status, response.json(), response.headers["x-thing"]) == (200, {"ok": 1}, "yes")
    (request,) = provider.requests
    assert (request.method, request.path, request.query, request.json) == ("POST", "/v1/x", {"q": "1 2"}, {"a": "ü"})
    assert request.headers["x-a"] == "b"
    assert request.headers["content-type"] == "application/json"


def test_a_question_without_a_body_is_a_get(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"state": "done"})

    transport.send(WireRequest(f"{provider.url}/jobs/1", method="GET"), target(), soon())

    assert [(request.method, request.body) for request in provider.requests] == [("GET", b"")]


def test_a_urls_own_query_survives_beside_more(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(WireRequest(f"{provider.url}/x?api-version=1", query={"q": "2"}, json={}), target(), soon())

    assert provider.requests[0].query == {"api-version": "1", "q": "2"}


def test_raw_content_goes_with_the_type_the_dialect_names(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})
    wire = WireRequest(f"{provider.url}/listen", headers={"Content-Type": "audio/wav"}, content=b"RIFF")

    transport.send(wire, target(), soon())

    (request,) = provider.requests
    assert (request.body, request.headers["content-type"]) == (b"RIFF", "audio/wav")


def test_a_form_goes_as_multipart_with_repeated_fields(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})
    form = Form({"model": "m", "granularities[]": ["word", "segment"]}, {"file": File("a.wav", b"RIFF", "audio/wav")})

    transport.send(WireRequest(f"{provider.url}/v1/x", form=form), target(), soon())

    (request,) = provider.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert request.body.count(b'name="granularities[]"') == 2
    assert b'name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n' in request.body


def test_a_form_without_a_file_is_multipart_too(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(WireRequest(f"{provider.url}/v1/x", form=Form({"model": "m"}, {})), target(), soon())

    (request,) = provider.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="model"\r\n\r\nm\r\n' in request.body


@pytest.mark.parametrize("body", [{"x": float("nan")}, {"x": float("inf")}, {"x": "\ud800"}])
def test_what_json_cannot_say_is_the_callers_fault(
    transport: HttpTransport, provider: ProviderServer, body: dict[str, object]
) -> None:
    with pytest.raises(errors.InvalidRequest, match="as JSON"):
        transport.send(WireRequest(f"{provider.url}/v1/x", json=body), target(), soon())

    assert provider.requests == []


@pytest.mark.parametrize("url", ["https://", "no-scheme/x", "ftp://127.0.0.1/x", "http://[::1/x", "http://h:99999/"])
def test_a_url_that_is_none_is_the_callers_fault(transport: HttpTransport, url: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        transport.send(WireRequest(url, json={}), target(), soon())

    assert caught.value.param == "api_base"


def test_many_calls_share_one_connection(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    for _ in range(5):
        transport.send(post(provider), target(), soon())

    assert (len(provider.requests), provider.connections) == (5, 1)


def test_a_refusal_does_not_cost_the_connection(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"error": {"message": "no"}}, status=400)
    provider.reply({"ok": 1})

    with pytest.raises(errors.ProviderRejected):
        transport.send(post(provider), target(), soon())
    transport.send(post(provider), target(), soon())

    assert (len(provider.requests), provider.connections) == (2, 1)


def test_a_closed_transport_opens_new_connections(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(post(provider), target(), soon())
    transport.close()
    transport.send(post(provider), target(), soon())

    assert provider.connections == 2


def test_eight_threads_get_eight_answers(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"ok": 1})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: transport.send(post(provider), target(), soon()), range(40)))

    assert [answer.json() for answer in answers] == [{"ok": 1}] * 40
    assert provider.connections <= 8


def test_a_provider_that_hangs_ends_with_the_deadline_and_is_asked_once(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.hang()

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(), Deadline.after(0.2))

    assert len(provider.requests) == 1


def test_a_silence_longer_than_allowed_ends_the_call_before_its_deadline(provider: ProviderServer) -> None:
    provider.hang()

    with (
        closing(HttpTransport(replace(OPEN, provider_timeout=0.2))) as transport,
        pytest.raises(errors.DeadlineExceeded),
    ):
        transport.send(post(provider), target(), Deadline.after(600))

    assert len(provider.requests) == 1


def test_a_provider_that_stops_in_the_middle_ends_with_the_deadline(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.stream(b'{"a":', Gate(), b"1}")

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(), Deadline.after(0.3))


class DrippingClock:
    """A clock that is one second further at every look, at which the provider lets one more byte go."""

    def __init__(self) -> None:
        self.gates = [Gate() for _ in range(200)]
        self.looks = 0

    def __call__(self) -> float:
        self.gates[self.looks].open()
        self.looks += 1
        return float(self.looks)

    def drip(self) -> list[bytes | Gate | Cut]:
        return [piece for gate in self.gates for piece in (b"X", gate)]


def test_a_dripping_body_ends_with_the_deadline(transport: HttpTransport, provider: ProviderServer) -> None:
    clock = DrippingClock()
    provider.stream(*clock.drip())

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(), Deadline(60.0, clock))

    assert clock.looks < 100


def test_a_dripping_head_ends_with_the_deadline(transport: HttpTransport, provider: ProviderServer) -> None:
    clock = DrippingClock()
    provider.raw(b"HTTP/1.1 200 OK\r\nx: ", *clock.drip())

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(), Deadline(60.0, clock))

    assert clock.looks < 100


def test_nothing_is_sent_when_the_time_is_over(transport: HttpTransport, provider: ProviderServer) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(), Deadline.after(0))

    assert provider.connections == 0


@pytest.mark.parametrize("compressed", [False, True])
def test_an_answer_larger_than_allowed_is_malformed(provider: ProviderServer, *, compressed: bool) -> None:
    body = b" " * 100_000
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    provider.reply(content=gzip.compress(body) if compressed else body, headers=headers)

    with (
        closing(HttpTransport(replace(OPEN, max_answer_bytes=99_999))) as transport,
        pytest.raises(errors.MalformedAnswer, match="larger than 99999 bytes"),
    ):
        transport.send(post(provider), target(), soon())


def test_an_answer_that_has_begun_is_not_asked_for_again(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b'{"a":', Cut())

    with pytest.raises(errors.ProviderUnavailable, match="broke the connection off"):
        transport.send(post(provider), target(), soon())

    assert len(provider.requests) == 1


def test_an_answer_shorter_than_it_says_is_not_taken_for_whole(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}")

    with pytest.raises(errors.ProviderUnavailable):
        transport.send(post(provider), target(), soon())


def test_nobody_at_the_port_is_unavailable_after_all_attempts(transport: HttpTransport, waits: list[float]) -> None:
    with closing(socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        wire = WireRequest(f"http://127.0.0.1:{nobody.getsockname()[1]}/v1/x", json={})

        with pytest.raises(errors.ProviderUnavailable, match=r"127\.0\.0\.1"):
            transport.send(wire, target(), soon())

    assert len(waits) == 2


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data", "/elsewhere", "http://[", None])
def test_a_redirect_is_not_followed(transport: HttpTransport, provider: ProviderServer, location: str | None) -> None:
    provider.reply({}, status=307, headers={} if location is None else {"Location": location})

    with pytest.raises(errors.ProviderRejected, match="redirects to") as caught:
        transport.send(post(provider), target(), soon())

    assert (caught.value.code, caught.value.param) == ("provider_redirects", "api_base")
    assert len(provider.requests) == 1


def test_a_compressed_answer_is_unpacked(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply(content=gzip.compress(b'{"ok": 1}'), headers={"Content-Encoding": "gzip"})

    assert transport.send(post(provider), target(), soon()).json() == {"ok": 1}


def test_an_answer_that_cannot_be_unpacked_is_malformed(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply(content=b"not gzip", headers={"Content-Encoding": "gzip"})

    with pytest.raises(errors.MalformedAnswer):
        transport.send(post(provider), target(), soon())


def test_a_dialects_own_reading_of_an_error_goes_first(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"odd": "shape"}, status=400)

    with pytest.raises(errors.ProviderRejected, match="read by the dialect"):
        transport.send(post(provider), target(), soon(), lambda _status, _body: ("read by the dialect", None))


def test_a_refusal_whose_body_breaks_off_is_still_one(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.raw(b"HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\nno such mod")

    with pytest.raises(errors.ProviderRejected, match="no such mod") as caught:
        transport.send(post(provider), target(), soon())

    assert caught.value.status == 404


def test_a_refusal_without_end_is_hung_up_on(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(*[b"no! " * 25_000] * 500, status=400)

    with pytest.raises(errors.ProviderRejected, match="no! no! "):
        transport.send(post(provider), target(), soon())

    assert provider.hung_up.wait(10)

import gzip
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Auth, Bearer, File, Form, HeaderKey, NoAuth, QueryKey, WireRequest
from tenant_llm.settings import Settings
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Retry
from tests.support.provider import Cut, Gate, ProviderServer

_BEARER = Bearer()
_KEY = "sk-very-secret-0123456789"
_SETTINGS = Settings("rows", "tenants", "usage", "tokens", "secrets/", allow_private_providers=True)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def transport(waits: list[float]) -> Iterator[HttpTransport]:
    with closing(HttpTransport(_SETTINGS, Retry(3, sleep=waits.append, jitter=lambda: 1.0))) as transport:
        yield transport


def target(base_url: str, *, needs_key: bool = True, key: str | None = _KEY) -> Target:
    config = ModelConfig("acme", "m", "F", ModelType.CHAT, "openai", base_url, "m", needs_key=needs_key)
    return Target(config, Credential({} if key is None else {"api_key": key}))


def soon() -> Deadline:
    return Deadline.after(10)


def post(provider: ProviderServer, auth: Auth = _BEARER) -> WireRequest:
    return WireRequest(f"{provider.url}/v1/x", json={"a": "ü"}, auth=auth)


def test_a_json_request_arrives_as_it_was_rendered(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"ok": 1}, headers={"X-Thing": "yes"})
    wire = WireRequest(f"{provider.url}/v1/x", headers={"x-a": "b"}, query={"q": "1 2"}, json={"a": "ü"})

    response = transport.send(wire, target(provider.url), soon())

    assert (response.status, response.json(), response.headers["x-thing"]) == (200, {"ok": 1}, "yes")
    (request,) = provider.requests
    assert (request.method, request.path, request.query, request.json) == ("POST", "/v1/x", {"q": "1 2"}, {"a": "ü"})
    assert request.headers["x-a"] == "b"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (Bearer(), {"authorization": f"Bearer {_KEY}"}, {}),
        (Bearer(scheme="Token"), {"authorization": f"Token {_KEY}"}, {}),
        (HeaderKey("x-api-key"), {"x-api-key": _KEY}, {}),
        (QueryKey("key"), {}, {"key": _KEY}),
        (NoAuth(), {}, {}),
    ],
)
def test_the_key_travels_as_the_wire_says(
    transport: HttpTransport, provider: ProviderServer, auth: Auth, headers: dict[str, str], query: dict[str, str]
) -> None:
    provider.reply({})

    transport.send(post(provider, auth), target(provider.url), soon())

    (request,) = provider.requests
    carried = {name: value for name, value in request.headers.items() if _KEY in value}
    assert (carried, request.query) == (headers, query)


def test_a_keyless_target_sends_no_authorization(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(post(provider), target(provider.url, needs_key=False, key=None), soon())

    assert "authorization" not in provider.requests[0].headers


def test_a_form_goes_as_multipart_with_repeated_fields(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})
    form = Form({"model": "m", "granularities[]": ["word", "segment"]}, {"file": File("a.wav", b"RIFF", "audio/wav")})

    transport.send(WireRequest(f"{provider.url}/v1/x", form=form), target(provider.url), soon())

    (request,) = provider.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert request.body.count(b'name="granularities[]"') == 2
    assert b'name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n' in request.body


def test_many_calls_share_one_connection(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    for _ in range(5):
        transport.send(post(provider), target(provider.url), soon())

    assert (len(provider.requests), provider.connections) == (5, 1)


def test_eight_threads_get_eight_answers(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"ok": 1})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: transport.send(post(provider), target(provider.url), soon()), range(40)))

    assert [answer.json() for answer in answers] == [{"ok": 1}] * 40


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again_with_growing_waits(
    transport: HttpTransport, provider: ProviderServer, waits: list[float], status: int
) -> None:
    provider.reply({"error": {"message": "later"}}, status=status)
    provider.reply({"error": {"message": "later"}}, status=status)
    provider.reply({"ok": 1})

    response = transport.send(post(provider), target(provider.url), soon())

    assert response.json() == {"ok": 1}
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422, 501])
def test_what_will_not_pass_is_not_tried_again(
    transport: HttpTransport, provider: ProviderServer, waits: list[float], status: int
) -> None:
    provider.reply({"error": {"message": "no"}}, status=status)

    with pytest.raises(errors.ProviderError, match="no"):
        transport.send(post(provider), target(provider.url), soon())

    assert (len(provider.requests), waits) == (1, [])


def test_the_providers_own_wait_is_honoured(
    transport: HttpTransport, provider: ProviderServer, waits: list[float]
) -> None:
    provider.reply({}, status=429, headers={"Retry-After": "3"})
    provider.reply({"ok": 1})

    transport.send(post(provider), target(provider.url), soon())

    assert waits == [3.0]


def test_a_wait_beyond_the_deadline_is_not_waited(
    transport: HttpTransport, provider: ProviderServer, waits: list[float]
) -> None:
    provider.reply({}, status=429, headers={"Retry-After": "60"})

    with pytest.raises(errors.RateLimited) as caught:
        transport.send(post(provider), target(provider.url), soon())

    assert (caught.value.retry_after, len(provider.requests), waits) == (60.0, 1, [])


def test_attempts_are_bounded_and_the_last_error_is_told(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"error": {"message": "overloaded"}}, status=503)

    with pytest.raises(errors.ProviderUnavailable, match="overloaded"):
        transport.send(post(provider), target(provider.url), soon())

    assert len(provider.requests) == 3


def test_a_provider_that_hangs_ends_with_the_deadline_and_is_asked_once(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.hang()

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(provider.url), Deadline.after(0.2))

    assert len(provider.requests) == 1


def test_a_provider_that_stops_in_the_middle_ends_with_the_deadline(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.stream(b'{"a":', Gate(), b"1}")

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(provider.url), Deadline.after(0.3))


def test_a_dripping_answer_ends_with_the_deadline(transport: HttpTransport, provider: ProviderServer) -> None:
    times = iter([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, *[11.0] * 50])
    gates = [Gate() for _ in range(40)]
    for gate in gates:
        gate.open()
    provider.stream(*[piece for gate in gates for piece in (b"x", gate)])

    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(provider.url), Deadline(10.0, clock=lambda: next(times)))


def test_nothing_is_sent_when_the_time_is_over(transport: HttpTransport, provider: ProviderServer) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        transport.send(post(provider), target(provider.url), Deadline.after(0))

    assert provider.requests == []


def test_an_answer_that_has_begun_is_not_asked_for_again(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b'{"a":', Cut())

    with pytest.raises(errors.ProviderUnavailable):
        transport.send(post(provider), target(provider.url), soon())

    assert len(provider.requests) == 1


def test_nobody_at_the_port_is_unavailable_after_all_attempts(transport: HttpTransport, waits: list[float]) -> None:
    wire = WireRequest("http://127.0.0.1:9/v1/x", json={})

    with pytest.raises(errors.ProviderUnavailable, match=r"127\.0\.0\.1"):
        transport.send(wire, target("http://127.0.0.1:9"), soon())

    assert len(waits) == 2


def test_a_redirect_is_not_followed(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({}, status=307, headers={"Location": "http://169.254.169.254/latest/meta-data"})

    with pytest.raises(errors.ProviderError, match=r"redirects to '169\.254\.169\.254'"):
        transport.send(post(provider), target(provider.url), soon())

    assert len(provider.requests) == 1


def test_a_compressed_answer_is_unpacked(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply(content=gzip.compress(b'{"ok": 1}'), headers={"Content-Encoding": "gzip"})

    assert transport.send(post(provider), target(provider.url), soon()).json() == {"ok": 1}


def test_an_answer_that_cannot_be_unpacked_is_malformed(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply(content=b"not gzip", headers={"Content-Encoding": "gzip"})

    with pytest.raises(errors.MalformedAnswer):
        transport.send(post(provider), target(provider.url), soon())


def test_a_dialects_own_reading_of_an_error_goes_first(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"odd": "shape"}, status=400)

    with pytest.raises(errors.ProviderRejected, match="read by the dialect"):
        transport.send(
            post(provider), target(provider.url), soon(), lambda _status, _body: ("read by the dialect", None)
        )


def test_events_are_handed_out_while_the_provider_still_holds_the_rest(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    gate = Gate()
    provider.stream(b"data: one\n\n", gate, b"data: two\n\n")
    wire = WireRequest(f"{provider.url}/v1/x", json={}, framing="sse")

    with transport.stream(wire, target(provider.url), soon()) as events:
        first = next(events)
        held = not gate.event.is_set()
        gate.open()
        rest = list(events)

    assert held
    assert [first.data, *(event.data for event in rest)] == ["one", "two"]


def test_a_stream_is_retried_until_its_head_arrives(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({}, status=503)
    provider.stream(b"data: one\n\n")
    wire = WireRequest(f"{provider.url}/v1/x", json={}, framing="sse")

    with transport.stream(wire, target(provider.url), soon()) as events:
        data = [event.data for event in events]

    assert (data, len(provider.requests)) == (["one"], 2)


def test_a_stream_that_breaks_off_is_not_repeated(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b"data: one\n\n", Cut())
    wire = WireRequest(f"{provider.url}/v1/x", json={}, framing="sse")

    with transport.stream(wire, target(provider.url), soon()) as events:
        first = next(events)
        with pytest.raises(errors.ProviderUnavailable):
            next(events)

    assert (first.data, len(provider.requests)) == ("one", 1)


def test_leaving_a_stream_hangs_up(transport: HttpTransport, provider: ProviderServer) -> None:
    gate = Gate()
    provider.stream(b"data: one\n\n", gate, *[b"data: more\n\n" * 1000] * 200)
    wire = WireRequest(f"{provider.url}/v1/x", json={}, framing="sse")

    with transport.stream(wire, target(provider.url), soon()) as events:
        next(events)
    gate.open()

    assert provider.hung_up.wait(10)


def test_lines_of_json_are_events_too(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.stream(b'{"a":1}\n{"a"', b":2}\n", content_type="application/x-ndjson")
    wire = WireRequest(f"{provider.url}/v1/x", json={}, framing="ndjson")

    with transport.stream(wire, target(provider.url), soon()) as events:
        assert [json.loads(event.data) for event in events] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "play",
    [
        lambda provider: provider.hang(),
        lambda provider: provider.stream(b"x", Cut()),
        lambda provider: provider.reply({"error": {"message": f"bad key {_KEY}"}}, status=401),
        lambda provider: provider.reply(content=b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["hangs", "breaks off", "echoes the key", "nonsense"],
)
def test_no_error_shows_the_key(
    transport: HttpTransport, provider: ProviderServer, play: Callable[[ProviderServer], None]
) -> None:
    play(provider)

    with pytest.raises(errors.TenantLLMError) as caught:
        transport.send(post(provider, QueryKey("key")), target(provider.url), Deadline.after(0.5))

    chain: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    assert _KEY not in "".join(f"{item} {item!r}" for item in chain)


def test_https_is_demanded_unless_the_operator_allows_otherwise(provider: ProviderServer) -> None:
    strict = HttpTransport(Settings("rows", "tenants", "usage", "tokens", "secrets/"))

    with closing(strict), pytest.raises(errors.InvalidRequest, match="not an https URL"):
        strict.send(post(provider), target(provider.url), soon())

    assert provider.requests == []


def test_private_addresses_are_not_dialled(provider: ProviderServer) -> None:
    strict = HttpTransport(Settings("rows", "tenants", "usage", "tokens", "secrets/"))
    wire = WireRequest(provider.url.replace("http://127.0.0.1", "https://localhost"), json={})

    with closing(strict), pytest.raises(errors.InvalidRequest, match="not at a public address"):
        strict.send(wire, target(wire.url), soon())

    assert provider.connections == 0

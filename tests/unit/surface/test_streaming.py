"""The door of functions that stream, over a socket, with what the Lambda Web Adapter sends."""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from threading import Event
from time import time
from typing import Any

import httpx
import pytest

from local.__main__ import free_port, serve
from tenant_llm.domain.errors import DeadlineExceeded, RateLimited
from tenant_llm.surface.entrypoint import Answer, Call
from tenant_llm.surface.streaming import EVENTS, LAMBDA_CONTEXT, REQUEST_CONTEXT, streaming
from tests.support.aws import Aws

_PATIENCE = 10


@dataclass
class Speaker:
    """Operations that a test controls: what they got, what they wait for, what became of them."""

    calls: list[Call] = field(default_factory=list)
    go_on: Event = field(default_factory=Event)
    closed: Event = field(default_factory=Event)
    fault: Exception | None = None

    def speak(self, call: Call) -> Answer:
        self.calls.append(call)
        if self.fault is not None:
            raise self.fault
        if "whole" in call.body:
            return Answer({"said": call.body["whole"]}, status=201, headers={"x-own": "1"})
        return Answer(self._pieces(call), content_type="text/event-stream")

    def _pieces(self, call: Call) -> Generator[bytes]:
        try:
            yield "ö".encode()
            while not self.go_on.wait(0.02):
                call.caller.deadline.timeout(1)
            if "fault" in call.body:
                raise RuntimeError("a prompt could stand here")
            yield b"two"
        finally:
            self.closed.set()


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture
def http(aws: Aws, speaker: Speaker) -> Iterator[httpx.Client]:
    assert aws.settings
    app: Any = streaming({"POST /v1/speak": speaker.speak})
    with httpx.Client(base_url=f"http://127.0.0.1:{serve(app, free_port())}", timeout=_PATIENCE) as client:
        yield client


def about(**fields: Any) -> dict[str, str]:
    """The adapter's headers for a call over HTTP."""
    context = {
        "resourcePath": "/v1/speak",
        "httpMethod": "POST",
        "requestId": "api-1",
        "authorizer": {"tenant_id": "acme", "principalId": "acme"},
        **fields,
    }
    return {REQUEST_CONTEXT: json.dumps(context), LAMBDA_CONTEXT: lambda_context()}


def lambda_context(seconds: float = 60) -> str:
    return json.dumps({"request_id": "lambda-1", "deadline": int((time() + seconds) * 1000)})


def test_a_piece_is_sent_while_the_next_is_not_made_yet(http: httpx.Client, speaker: Speaker) -> None:
    with http.stream("POST", "/v1/speak", headers=about(), json={}) as answer:
        pieces = answer.iter_bytes()
        first, held = next(pieces), not speaker.go_on.is_set()
        speaker.go_on.set()
        rest = b"".join(pieces)

    assert (first.decode(), held, rest) == ("ö", True, b"two")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert (answer.headers["x-request-id"], answer.headers["cache-control"]) == ("api-1", "no-cache")
    assert speaker.closed.is_set()


def test_an_answer_in_one_piece_has_its_length_and_headers(http: httpx.Client) -> None:
    answer = http.post("/v1/speak", headers=about(), json={"whole": "ü"})

    assert (answer.status_code, answer.json(), answer.headers["x-own"]) == (201, {"said": "ü"}, "1")
    assert answer.headers["content-length"] == str(len(answer.content))


def test_the_tenant_is_the_authorizers_and_the_deadline_lambdas(http: httpx.Client, speaker: Speaker) -> None:
    headers = {**about(), "x-tenant-id": "other", LAMBDA_CONTEXT: lambda_context(seconds=5)}

    http.post("/v1/speak?tenant_id=other&a=1&a=2", headers=headers, json={"whole": 1, "tenant_id": "other"})

    (call,) = speaker.calls
    assert (call.caller.tenant_id, call.caller.request_id) == ("acme", "api-1")
    assert 0 < call.caller.deadline.remaining() <= 5
    assert call.query == {"tenant_id": "other", "a": "2"}


@pytest.mark.parametrize("name", [REQUEST_CONTEXT, LAMBDA_CONTEXT])
def test_a_forged_header_of_the_adapter_is_refused(http: httpx.Client, speaker: Speaker, name: str) -> None:
    own = about()
    forged = json.dumps({"authorizer": {"tenant_id": "other"}, "resourcePath": "/v1/speak", "requestId": "x"})

    for pair in ([(name, forged), *own.items()], [*own.items(), (name.title(), forged)]):
        answer = http.post("/v1/speak", headers=pair, json={"whole": 1})

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == name
    assert speaker.calls == []


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "/v1/speak", 404),
        (about(authorizer={}), "/v1/speak", 401),
        (about(authorizer={"tenant_id": ["acme"]}), "/v1/speak", 401),
        (about(resourcePath="/v1/other"), "/v1/speak", 404),
        (about(authorizer={}), EVENTS, 401),
        (about(resourcePath=EVENTS), EVENTS, 404),
    ],
    ids=["nobody", "no tenant", "odd tenant", "no such route", "tenant at the events", "route of the events"],
)
def test_who_comes_around_the_authorizer_is_refused(
    http: httpx.Client, speaker: Speaker, headers: dict[str, str], path: str, status: int
) -> None:
    answer = http.post(path, headers={LAMBDA_CONTEXT: lambda_context(), **headers}, json={"tenant_id": "acme"})

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert speaker.calls == []


def test_an_event_of_another_function_comes_by_the_adapters_own_path(http: httpx.Client, speaker: Speaker) -> None:
    headers = {REQUEST_CONTEXT: "null", LAMBDA_CONTEXT: lambda_context()}
    speaker.go_on.set()

    answer = http.post(EVENTS, headers=headers, json={"tenant_id": "acme", "operation": "speak", "a": 1})

    (call,) = speaker.calls
    assert (answer.status_code, answer.text) == (200, "ötwo")
    assert (call.caller.tenant_id, call.caller.request_id, call.body, call.direct) == (
        "acme",
        "lambda-1",
        {"a": 1},
        True,
    )


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (RateLimited("slow down", retry_after=2.2), 429, "rate_limit_exceeded"),
        (DeadlineExceeded("too late"), 504, "deadline_exceeded"),
        (RuntimeError("a prompt could stand here"), 500, "internal_error"),
    ],
)
def test_a_failure_before_the_first_piece_is_an_ordinary_answer(
    http: httpx.Client, speaker: Speaker, fault: Exception, status: int, code: str
) -> None:
    speaker.fault = fault

    answer = http.post("/v1/speak", headers=about(), json={})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == ("3" if status == 429 else None)
    assert "prompt" not in answer.text


def test_a_fault_of_ours_after_the_first_piece_leaves_the_answer_without_an_end(
    http: httpx.Client, speaker: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    speaker.go_on.set()

    with (
        pytest.raises(httpx.RemoteProtocolError),
        http.stream("POST", "/v1/speak", headers=about(), json={"fault": 1}) as answer,
    ):
        answer.read()

    assert "unexpected" in caplog.text
    assert "a prompt could stand here" not in caplog.text
    assert speaker.closed.is_set()


def test_a_caller_that_hangs_up_ends_the_call(http: httpx.Client, speaker: Speaker) -> None:
    with http.stream("POST", "/v1/speak", headers=about(), json={}) as answer:
        next(answer.iter_bytes())

    assert speaker.closed.wait(5)
    assert speaker.calls[0].caller.deadline.line.hung_up


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[1]", 400), (b"x" * (6 * 1024 * 1024 + 1), 413)])
def test_a_body_that_cannot_be_read_is_said_so(http: httpx.Client, speaker: Speaker, body: bytes, status: int) -> None:
    answer = http.post("/v1/speak", headers=about(), content=body)

    assert (answer.status_code, answer.json()["error"]["param"]) == (status, "body")
    assert speaker.calls == []


def test_many_streams_run_at_once(http: httpx.Client, speaker: Speaker) -> None:
    opened = [http.stream("POST", "/v1/speak", headers=about(), json={}) for _ in range(40)]
    answers = [stream.__enter__() for stream in opened]
    firsts = [next(answer.iter_bytes()) for answer in answers]
    speaker.go_on.set()
    for stream in opened:
        stream.__exit__(None, None, None)

    assert firsts == ["ö".encode()] * 40


def test_a_streamed_answer_tells_its_trace_and_so_does_a_failure(http: httpx.Client, speaker: Speaker) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    speaker.go_on.set()

    answers = [http.post("/v1/speak", headers={**about(), "x-trace-id": trace}, json={})]
    speaker.fault = RateLimited("later")
    answers.append(http.post("/v1/speak", headers={**about(), "x-trace-id": trace}, json={}))
    answers.append(http.post("/v1/speak", headers={**about(), "x-trace-id": trace}, content=b"["))

    assert [(answer.status_code, answer.headers["x-trace-id"]) for answer in answers] == [
        (200, trace),
        (429, trace),
        (400, trace),
    ]

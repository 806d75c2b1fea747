import json
import logging
from base64 import b64decode, b64encode

import pytest
from pydantic import BaseModel

from tenant_llm.domain.errors import InvalidRequest, ProviderUnavailable, RateLimited, TenantLLMError
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.settings import settings
from tenant_llm.surface.entrypoint import Answer, Call, Handler, entrypoint
from tenant_llm.surface.http import MOST_ANSWERED
from tests.support.events import load_event
from tests.support.functions import LambdaContext, directly, over_http, with_body

_ROUTE = "POST /v1/chat/completions"
_SECRET = "a prompt that nobody may log"


def _noting(calls: list[Call]) -> Handler:
    def operation(call: Call) -> Answer:
        calls.append(call)
        return Answer({"ok": True})

    return entrypoint({_ROUTE: operation})


def _answering(answer: Answer, *, operator: bool = False) -> Handler:
    def operation(call: Call) -> Answer:
        return answer

    return entrypoint({_ROUTE: operation}, operator=operator)


def _raising(error: Exception) -> Handler:
    def operation(call: Call) -> Answer:
        raise error

    return entrypoint({_ROUTE: operation})


def _call_ids(*events: JsonObject) -> list[str]:
    calls: list[Call] = []
    handler = _noting(calls)
    for event in events:
        handler(event, LambdaContext())
    return [call.caller.request_id for call in calls]


def test_the_tenant_is_the_authorizers() -> None:
    calls: list[Call] = []
    event = load_event("http/chat_completions")
    body = json.loads(event["body"])
    event["headers"]["x-tenant-id"] = "other"

    over_http(_noting(calls), with_body(event, {**body, "tenant_id": "other"}))

    assert calls[0].caller.tenant_id == "tenant123"


@pytest.mark.parametrize("authorizer", [None, {}, {"tenant_id": ""}, {"tenant_id": 5}, {"principalId": "tenant123"}])
def test_without_a_tenant_from_the_authorizer_nobody_is_let_in(authorizer: Json) -> None:
    calls: list[Call] = []
    event = load_event("http/chat_completions")
    event["requestContext"]["authorizer"] = authorizer

    status, answer = over_http(_noting(calls), event)

    assert (status, answer["error"]["code"]) == (401, "invalid_token")
    assert calls == []


def test_an_operators_tenant_stands_in_the_path() -> None:
    calls: list[Call] = []

    def operation(call: Call) -> Answer:
        calls.append(call)
        return Answer({})

    event = load_event("http/admin_get_tenant")

    status, _ = over_http(entrypoint({"GET /admin/tenants/{tenant_id}": operation}, operator=True), event)

    assert status == 200
    assert calls[0].caller.tenant_id == event["pathParameters"]["tenant_id"]


def test_path_parameters_are_decoded() -> None:
    calls: list[Call] = []

    def operation(call: Call) -> Answer:
        calls.append(call)
        return Answer({})

    over_http(entrypoint({"GET /v1/models/{model+}": operation}), load_event("http/models_get"))

    assert calls[0].path == {"model": "BAAI/bge-m3@OpenAI-API-Compatible"}


def test_the_deadline_leaves_a_second_of_lambdas_time() -> None:
    calls: list[Call] = []

    _noting(calls)(load_event("http/chat_completions"), LambdaContext(milliseconds=20_000))

    assert 18 < calls[0].caller.deadline.remaining() <= 19


def test_every_answer_carries_the_platforms_request_id() -> None:
    event = load_event("http/chat_completions")
    platform_id = event["requestContext"]["requestId"]

    answers = [handler(event, LambdaContext()) for handler in (_noting([]), _raising(InvalidRequest("no")))]

    assert [answer["headers"]["x-request-id"] for answer in answers] == [platform_id, platform_id]


def test_without_a_key_a_call_counts_under_the_platforms_id() -> None:
    event = load_event("http/chat_completions")
    del event["headers"]["Idempotency-Key"]

    assert _call_ids(event) == [event["requestContext"]["requestId"]]
    assert _call_ids({"tenant_id": "tenant123"}) == [LambdaContext().aws_request_id]


def test_a_retry_with_the_same_key_is_the_same_call() -> None:
    event = load_event("http/chat_completions")
    retry = load_event("http/chat_completions")
    retry["requestContext"]["requestId"] = "another"
    body = json.loads(retry["body"])

    first, second = _call_ids(event, with_body(retry, dict(reversed(body.items()))))

    assert first == second
    assert first.startswith("chat-0001.")


def test_a_forms_retry_is_the_same_call_under_another_boundary() -> None:
    event, retry = load_event("http/transcriptions"), load_event("http/transcriptions")
    body = b64decode(retry["body"]).replace(b"0c7f3f1f5fd14f5cb3a6a1d0f2a8e9b7", b"another")
    retry["body"] = b64encode(body).decode()
    retry["headers"]["Content-Type"] = "multipart/form-data; boundary=another"
    calls: list[Call] = []

    def operation(call: Call) -> Answer:
        calls.append(call)
        return Answer({})

    handler = entrypoint({"POST /v1/audio/transcriptions": operation})
    for one in (event, retry):
        one["headers"]["Idempotency-Key"] = "k"
        handler(one, LambdaContext())

    assert event["body"] != retry["body"]
    assert calls[0].caller.request_id == calls[1].caller.request_id


def test_one_key_on_two_requests_is_two_calls() -> None:
    event = load_event("http/chat_completions")
    other = with_body(event, {"messages": []})

    assert len(set(_call_ids(event, other))) == 2
    assert (
        len(set(_call_ids({"tenant_id": "t", "request_id": "k"}, {"tenant_id": "t", "request_id": "k", "x": 1}))) == 2
    )


@pytest.mark.parametrize("key", ["", "x" * 513, "line\nbreak"])
def test_a_key_that_cannot_be_stored_is_refused(key: str) -> None:
    event = load_event("http/chat_completions")
    event["headers"]["Idempotency-Key"] = key

    status, answer = over_http(_noting([]), event)

    assert (status, answer["error"]["param"]) == (400, "Idempotency-Key")


def test_a_direct_request_id_is_a_text() -> None:
    answer = directly(_noting([]), {"tenant_id": "t", "request_id": 5})

    assert answer["error"]["message"].startswith("request_id is 5")


def test_a_route_that_is_not_served_is_not_found() -> None:
    status, answer = over_http(_noting([]), load_event("http/embeddings"))

    assert (status, answer["error"]["code"]) == (404, "not_found")


def test_a_direct_event_means_the_first_operation_or_names_one() -> None:
    def first(call: Call) -> Answer:
        return Answer("first")

    def second(call: Call) -> Answer:
        return Answer("second")

    handler = entrypoint({"GET /a": first, "GET /b": second})

    assert directly(handler, {"tenant_id": "t"}) == "first"
    assert directly(handler, {"tenant_id": "t", "operation": "second"}) == "second"
    refused = directly(handler, {"tenant_id": "t", "operation": "third"})
    assert refused["error"]["message"] == "operation is 'third': not one of first, second"


def test_a_direct_body_is_the_event_without_its_envelope() -> None:
    calls: list[Call] = []

    directly(_noting(calls), {"tenant_id": "t", "operation": "operation", "llm_name": "m", "request_id": "k", "x": 1})

    assert calls[0].direct
    assert calls[0].caller.tenant_id == "t"
    assert calls[0].body == {"llm_name": "m", "request_id": "k", "x": 1}


@pytest.mark.parametrize("event", [{}, {"tenant_id": ""}, {"tenant_id": None}, {"tenant_id": 5}])
def test_a_direct_event_names_its_tenant(event: JsonObject) -> None:
    assert directly(_noting([]), event)["error"]["param"] == "tenant_id"


def test_an_operators_direct_event_may_be_about_no_tenant() -> None:
    assert directly(_answering(Answer({"ok": True}), operator=True), {}) == {"ok": True}


def test_half_a_surrogate_pair_in_a_direct_event_is_refused() -> None:
    assert directly(_noting([]), {"tenant_id": "t", "x": "\ud800"})["error"]["code"] == "invalid_request"


def test_an_expected_failure_is_an_envelope() -> None:
    handler = _raising(InvalidRequest("n is 0: too few", param="n"))

    status, answer = over_http(handler, load_event("http/chat_completions"))

    assert status == 400
    assert answer == {
        "error": {
            "message": "n is 0: too few",
            "type": "invalid_request_error",
            "param": "n",
            "code": "invalid_request",
        }
    }
    assert directly(handler, {"tenant_id": "t"}) == answer


def test_how_long_to_wait_is_told_in_whole_seconds() -> None:
    answer = _raising(RateLimited("slow down", retry_after=1.2))(load_event("http/chat_completions"), LambdaContext())

    assert answer["statusCode"] == 429
    assert answer["headers"]["retry-after"] == "2"


def test_a_direct_failure_that_may_pass_is_raised_so_that_lambda_repeats_it() -> None:
    with pytest.raises(ProviderUnavailable):
        _raising(ProviderUnavailable("down"))({"tenant_id": "t"}, LambdaContext())


def test_what_a_schema_refuses_is_an_envelope_that_names_the_field() -> None:
    class Body(BaseModel):
        count: int

    def operation(call: Call) -> Answer:
        return Answer(Body.model_validate(call.body).count)

    handler = entrypoint({_ROUTE: operation})

    status, answer = over_http(handler, with_body(load_event("http/chat_completions"), {"count": "many"}))

    assert status == 400
    assert answer["error"]["param"] == "count"
    assert answer["error"]["message"].startswith("count is 'many': ")
    assert directly(handler, {"tenant_id": "t"})["error"]["message"] == "count is required"


def test_a_fault_of_ours_is_told_without_its_words_and_logged_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    event = load_event("http/chat_completions")

    status, answer = over_http(_raising(KeyError(_SECRET)), event)

    assert status == 500
    platform_id = event["requestContext"]["requestId"]
    assert answer["error"]["message"] == f"internal error; the request id is {platform_id}"
    assert answer["error"]["code"] == "internal_error"
    fields = vars(caplog.records[0])
    assert fields["request_id"] == platform_id
    assert fields["causes"] == ["KeyError"]
    assert any(place.endswith(" operation") for place in fields["traceback"])
    assert _SECRET not in str(answer) + str(fields)


def test_a_fault_in_a_direct_call_is_logged_and_raised(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyError):
        _raising(KeyError("x"))({"tenant_id": "t"}, LambdaContext())

    assert [record.message.split()[0] for record in caplog.records] == ["unexpected"]


def test_a_failure_on_the_far_side_is_logged_by_its_code(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    over_http(_raising(ProviderUnavailable(_SECRET)), load_event("http/chat_completions"))
    over_http(_raising(InvalidRequest(_SECRET)), load_event("http/chat_completions"))

    assert [vars(record)["code"] for record in caplog.records] == ["provider_unavailable"]
    assert _SECRET not in str(vars(caplog.records[0]))


def test_settings_that_are_missing_end_as_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("USAGE_TABLE")
    settings.cache_clear()

    status, _ = over_http(_noting([]), load_event("http/chat_completions"))

    assert status == 500


def test_a_body_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_BODY_BYTES", "100")
    settings.cache_clear()

    status, answer = over_http(_noting([]), load_event("http/chat_completions"))

    assert (status, answer["error"]["code"]) == (413, "payload_too_large")


def test_bytes_travel_in_base64() -> None:
    handler = _answering(Answer(b"\x00\xff", content_type="audio/mpeg"))

    answer = handler(load_event("http/chat_completions"), LambdaContext())

    assert answer["headers"]["content-type"] == "audio/mpeg"
    assert (answer["body"], answer["isBase64Encoded"]) == ("AP8=", True)
    assert directly(handler, {"tenant_id": "t"}) == {"audio": "AP8=", "content_type": "audio/mpeg"}


def test_a_text_under_its_own_type_travels_as_it_is() -> None:
    handler = _answering(Answer("data: [DONE]\n\n", content_type="text/event-stream"))

    answer = handler(load_event("http/chat_completions"), LambdaContext())

    assert (answer["body"], answer["isBase64Encoded"]) == ("data: [DONE]\n\n", False)
    assert directly(handler, {"tenant_id": "t"}) == "data: [DONE]\n\n"


@pytest.mark.parametrize("body", ["x" * MOST_ANSWERED, b"x" * (MOST_ANSWERED * 3 // 4), '"' * (MOST_ANSWERED // 2)])
def test_an_answer_that_lambda_would_not_return_is_told_in_words(body: str | bytes) -> None:
    handler = _answering(Answer(body, content_type="text/plain"))

    status, answer = over_http(handler, load_event("http/chat_completions"))

    assert status == 413
    assert answer["error"]["code"] == "answer_too_large"
    assert str(MOST_ANSWERED) in answer["error"]["message"]
    assert directly(handler, {"tenant_id": "t"})["error"]["code"] == "answer_too_large"


def test_an_answer_just_below_the_limit_is_returned() -> None:
    handler = _answering(Answer("x" * (MOST_ANSWERED - 1000), content_type="text/plain"))

    answer = handler(load_event("http/chat_completions"), LambdaContext())

    assert answer["statusCode"] == 200


def test_services_are_prepared_inside_lambda_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[str] = []

    def operation(call: Call) -> Answer:
        return Answer({})

    entrypoint({_ROUTE: operation}, prepare=lambda: prepared.append("outside"))
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    entrypoint({_ROUTE: operation}, prepare=lambda: prepared.append("inside"))

    assert prepared == ["inside"]


def test_an_error_of_no_class_of_its_own_is_a_500() -> None:
    status, _ = over_http(_raising(TenantLLMError("odd")), load_event("http/chat_completions"))

    assert status == 500


def test_half_a_character_from_a_model_does_not_lose_the_answer() -> None:
    handler = _answering(Answer({"text": "whole \ud83d\ude00, half \ud83d"}))

    answer = handler(load_event("http/chat_completions"), LambdaContext())

    assert answer["body"].isascii()
    assert json.loads(answer["body"])["text"].startswith("whole 😀, half ")
    assert handler({"tenant_id": "t"}, LambdaContext()) == {"text": "whole 😀, half \ufffd"}


_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_every_answer_over_http_tells_its_trace_the_callers_own_where_it_names_one() -> None:
    event = load_event("http/chat_completions")
    event["headers"]["traceparent"] = f"00-{_TRACE}-00f067aa0ba902b7-01"
    failing = _raising(RateLimited("later"))
    unread = with_body(event, [])

    answers = [_answering(Answer({}))(event, LambdaContext()), failing(event, LambdaContext())]
    answers.append(failing(unread, LambdaContext()))

    assert [answer["headers"]["x-trace-id"] for answer in answers] == [_TRACE] * 3
    assert [answer["statusCode"] for answer in answers] == [200, 429, 400]


def test_without_a_callers_trace_it_is_x_rays_else_one_of_the_call() -> None:
    calls: list[Call] = []
    event = load_event("http/chat_completions")
    event["headers"] = {**event["headers"], "X-Amzn-Trace-Id": f"Root=1-{_TRACE[:8]}-{_TRACE[8:]}"}
    bare = {**event, "headers": {}}

    answers = [_noting(calls)(one, LambdaContext()) for one in (event, bare, bare)]

    ids = [answer["headers"]["x-trace-id"] for answer in answers]
    assert ids == [call.caller.context.trace_id for call in calls]
    assert ids[0] == _TRACE
    assert ids[1] == ids[2] != _TRACE
    assert len(ids[1]) == 32


def test_a_trace_of_another_form_is_named_and_answered_under_one_of_the_call() -> None:
    event = load_event("http/chat_completions")
    event["headers"]["x-trace-id"] = "mine"

    answer = _noting([])(event, LambdaContext())

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["param"] == "x-trace-id"
    assert len(answer["headers"]["x-trace-id"]) == 32


def test_a_direct_callers_trace_is_no_part_of_what_is_asked() -> None:
    calls: list[Call] = []
    handler = _noting(calls)
    event: JsonObject = {"tenant_id": "acme", "request_id": "r1", "messages": []}

    handler(event, LambdaContext())
    handler({**event, "trace": {"trace_id": _TRACE, "user_id": "u"}}, LambdaContext())

    plain, traced = calls
    assert plain.body == traced.body == {"request_id": "r1", "messages": []}
    assert plain.caller.request_id == traced.caller.request_id
    assert (traced.caller.context.trace_id, traced.caller.context.user_id) == (_TRACE, "u")
    assert handler({**event, "trace": {"trace_id": "x"}}, LambdaContext())["error"]["param"] == "trace.trace_id"

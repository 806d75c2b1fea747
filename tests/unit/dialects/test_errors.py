"""What error answers mean."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tenant_llm.dialects.errors import answer_error, provider_error, refuse_error_object
from tenant_llm.domain.errors import (
    ContentFiltered,
    ContextTooLong,
    CredentialRejected,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from tenant_llm.domain.wire import Json, WireResponse


@pytest.mark.parametrize(
    ("status", "kind", "own_status"),
    [
        (302, ProviderError, 502),
        (400, ProviderRejected, 400),
        (401, CredentialRejected, 502),
        (402, QuotaExhausted, 402),
        (403, CredentialRejected, 502),
        (404, ProviderRejected, 404),
        (405, ProviderRejected, 400),
        (408, ProviderUnavailable, 502),
        (409, ProviderUnavailable, 502),
        (413, ProviderRejected, 413),
        (415, ProviderRejected, 400),
        (422, ProviderRejected, 422),
        (424, ProviderUnavailable, 502),
        (429, RateLimited, 429),
        (498, ProviderUnavailable, 502),
        (500, ProviderUnavailable, 502),
        (501, ProviderError, 502),
        (503, ProviderUnavailable, 502),
        (529, ProviderUnavailable, 502),
    ],
)
def test_a_status_without_words_has_a_class(status: int, kind: type[ProviderError], own_status: int) -> None:
    error = provider_error(status, {}, {})

    assert type(error) is kind
    assert error.status == own_status
    assert str(status) in error.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "Arrearage", "message": "Access denied."}}, QuotaExhausted),
        (
            400,
            {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}},
            QuotaExhausted,
        ),
        (403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}, QuotaExhausted),
        (403, {"error": {"code": "AccountOverdueError", "message": "overdue"}}, QuotaExhausted),
        (429, {"error": {"type": "exceeded_current_quota_error", "message": "x"}}, QuotaExhausted),
        (429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}, QuotaExhausted),
        (429, {"error": {"message": "Your account 1113 is limited."}}, RateLimited),
        (429, {"error": {"status": "RESOURCE_EXHAUSTED", "message": "You exceeded your current quota"}}, RateLimited),
        (400, {"message": "too many tokens: size limit exceeded by 25836 tokens."}, ContextTooLong),
        (400, {"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}, ContextTooLong),
        (
            400,
            {"error": {"message": "The input token count (12) exceeds the maximum number of tokens"}},
            ContextTooLong,
        ),
        (500, {"error": {"message": "Context size has been exceeded.", "type": "server_error"}}, ContextTooLong),
        (400, {"error": {"code": "1301", "message": "x"}}, ContentFiltered),
        (400, {"error": {"code": "data_inspection_failed", "message": "Input may be unsafe"}}, ContentFiltered),
        (400, {"error": {"code": "1261", "message": "x"}}, ContextTooLong),
        (429, {"error": {"code": "1113", "message": "x"}}, QuotaExhausted),
        (400, {"__type": "ValidationException", "message": "x", "error_type": "TOO_MANY_TOKENS"}, ContextTooLong),
        (403, {"error": {"code": 403, "message": "Your input was flagged by moderation"}}, ContentFiltered),
        (400, {"error": {"details": [{"reason": "API_KEY_INVALID"}], "message": "API key"}}, CredentialRejected),
    ],
)
def test_words_say_more_than_a_status(status: int, body: Json, kind: type[ProviderError]) -> None:
    assert type(provider_error(status, body, {})) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, ProviderUnavailable),
        ({"error": {"type": "rate_limit_error", "message": "Slow down"}}, RateLimited),
        ({"error": {"type": "authentication_error", "message": "No"}}, CredentialRejected),
        ({"error": {"code": 429, "message": "Slow down"}}, RateLimited),
        ({"error": {"code": "503", "message": "Later"}}, ProviderUnavailable),
        ({"error": {"status": "NOT_FOUND", "message": "No model"}}, ProviderRejected),
        ({"error": "something"}, ProviderError),
        ({"code": "InternalError.Algo.InvalidParameter", "message": "temperature"}, ProviderRejected),
        ({"err_code": "ASR_PAYLOAD_ERROR", "error": "x", "error_code": "invalid"}, ProviderRejected),
        ({"__type": "ThrottlingException", "message": "Slow down", "code": "x"}, RateLimited),
        ({"base_resp": {"status_code": 9999, "status_msg": "news"}}, ProviderError),
    ],
)
def test_an_error_object_in_a_good_answer_is_judged_by_its_words(body: Json, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        refuse_error_object(body, {})

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, ProviderUnavailable),
        (1001, ProviderUnavailable),
        (1002, RateLimited),
        (1004, CredentialRejected),
        (1008, QuotaExhausted),
        (1013, ProviderUnavailable),
        (1024, ProviderUnavailable),
        (1026, ContentFiltered),
        (1027, ContentFiltered),
        (1033, ProviderUnavailable),
        (1039, RateLimited),
        (1042, ProviderRejected),
        (2013, ProviderRejected),
        (2049, CredentialRejected),
        (2056, QuotaExhausted),
    ],
)
def test_a_status_inside_the_body_has_a_class(code: int, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        refuse_error_object({"base_resp": {"status_code": code, "status_msg": "x"}}, {})

    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"choices": [], "error": None},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"code": 0, "message": "Success", "choices": [{}]},
        {"code": 0, "message": "Success"},
        {"code": 200, "message": "Success", "choices": [{}]},
        {"code": 200, "message": "Success", "text": "Hello."},
        {"type": "message_start", "message": {"role": "assistant"}},
        {"object": "list", "data": [], "message": "ok", "code": 20000},
    ],
)
def test_an_answer_that_is_no_error_is_let_through(body: Json) -> None:
    refuse_error_object(body, {})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "one"}}, "one"),
        ({"type": "error", "error": {"type": "x", "message": "two"}}, "two"),
        ({"message": "three"}, "three"),
        ({"detail": "four"}, "four"),
        ({"detail": [{"loc": ["body"], "msg": "five"}]}, "five"),
        ({"error": "six"}, "six"),
        ({"errors": [{"message": "seven", "code": 1}]}, "seven"),
        ({"errors": ["eight"]}, "eight"),
        ([{"error": {"code": 400, "message": "nine"}}], "nine"),
        ({"error": ["ten"]}, "ten"),
        ({"error": {"message": "eleven", "metadata": {"raw": "inside"}}}, "eleven: inside"),
        ({"error": "Bad Request", "message": "twelve"}, "twelve"),
        ({"__type": "ThrottlingException", "Message": "thirteen"}, "thirteen"),
        ({"err_code": "X", "err_msg": "fourteen"}, "fourteen"),
        ("<html><style>p {}</style><p>fifteen&nbsp;</p></html>", "fifteen&nbsp;"),
        ("sixteen", "sixteen"),
        ({"title": "seventeen", "status": 404}, "seventeen"),
        ({"error": "invalid_grant", "error_description": "eighteen"}, "eighteen"),
        (None, "the provider answered with status 400"),
        ([], "the provider answered with status 400"),
        ({"error": {"message": "", "code": None}}, "the provider answered with status 400"),
    ],
)
def test_the_message_is_found_in_every_common_shape(body: Json, message: str) -> None:
    assert provider_error(400, body, {}).message == message


def test_a_message_is_cut() -> None:
    assert len(provider_error(500, "x" * 5000, {}).message) == 1000


@pytest.mark.parametrize(
    ("status", "message", "masked"),
    [
        (401, "Incorrect API key provided: sk-abcdefghij.", "Incorrect API key provided: [key]."),
        (
            401,
            "Incorrect API key provided: my key. See https://a.example",
            "Incorrect API key provided: [key]. See https://a.example",
        ),
        (401, "invalid api key: 0123456789abcdef0123456789abcdef", "invalid api key: [key]"),
        (401, "key 6f1c7a36-0000-4000-8000-0123456789ab is off", "key [key] is off"),
        (401, "Incorrect API key provided: sk-ab***yz.", "Incorrect API key provided: [key]."),
        (400, "Authorization was Bearer abcdef0123456789", "Authorization was [key]"),
        (500, "failed with gsk_abcdefghij0123456789", "failed with [key]"),
        (404, "no model jina-embeddings-v3-base for parallel_tool_validation", None),
        (403, "no access to claude-sonnet-4-20250514 in us-east-1", None),
    ],
)
def test_a_key_is_never_repeated(status: int, message: str, masked: str | None) -> None:
    assert provider_error(status, {"message": message}, {}).message == (masked or message)


def test_the_field_at_fault_is_named() -> None:
    assert provider_error(400, {"error": {"message": "x", "param": "messages[0]"}}, {}).param == "messages[0]"
    assert provider_error(400, {"error": {"message": "x", "param": ""}}, {}).param is None


NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, {}, 0.25),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=9)), "date": format_datetime(NOW)}, {}, 9.0),
        ({"retry-after": format_datetime(NOW)}, {}, None),
        ({"retry-after": "soon"}, {}, None),
        ({"retry-after": "-3"}, {}, 0.0),
        ({"retry-after": "nan"}, {}, None),
        ({"retry-after": "inf"}, {}, None),
        ({}, {"error": {"message": "x", "details": [{"reason": "R"}, {"retryDelay": "34.5s"}]}}, 34.5),
        ({}, {"error": {"message": "Please try again in 1m2.5s."}}, 62.5),
        ({}, {"error": {"message": "Please try again in 20ms."}}, 0.02),
        ({}, {"error": {"message": "Please retry after 6 seconds."}}, 6.0),
        ({}, {"error": {"message": "Please try again in a while."}}, None),
    ],
)
def test_the_time_to_wait_is_read_wherever_it_is_told(
    headers: dict[str, str], body: Json, seconds: float | None
) -> None:
    assert provider_error(429, body, headers).retry_after == seconds


def test_a_dialect_reads_its_own_errors_first() -> None:
    error = provider_error(
        429, {"odd": "x"}, {}, lambda status, body: (f"{status} {body['odd']}", "insufficient_quota")
    )

    assert type(error) is QuotaExhausted
    assert error.message == "429 x"


def test_a_dialect_that_cannot_read_an_error_leaves_it_to_the_common_shapes() -> None:
    assert provider_error(400, {"message": "x"}, {}, lambda _status, _body: None).message == "x"


def test_an_answer_need_be_neither_json_nor_text() -> None:
    assert answer_error(WireResponse(502, b"\xff\xfe")).message
    assert answer_error(WireResponse(400, b'[{"error": {"message": "listed"}}]')).message == "listed"

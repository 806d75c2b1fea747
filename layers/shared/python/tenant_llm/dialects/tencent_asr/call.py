"""One call of the API: https://cloud.tencent.com/document/api/1093/35640. Errors come with status 200."""

from tenant_llm.dialects.answers import a_text, an_object
from tenant_llm.dialects.body import auth, endpoint
from tenant_llm.dialects.errors import provider_error
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import TC3, Json, JsonObject, WireRequest, WireResponse

_AUTH = TC3("asr", "tencent_cloud_sid", "tencent_cloud_sk")
_VERSION = "2019-06-14"
# What the codes of https://cloud.tencent.com/document/api/1093/35647 mean, as statuses; others mean that it failed.
_STATUSES = (
    ("FailedOperation.CheckAuthInfoFailed", 401),
    ("FailedOperation.UserNotRegistered", 403),  # the account has not switched the service on
    ("FailedOperation.ServiceIsolate", 402),  # for debts
    ("FailedOperation.UserHasNoAmount", 402),
    ("FailedOperation.UserHasNoFreeAmount", 402),
    ("AuthFailure", 401),
    ("UnauthorizedOperation", 403),
    ("IpInBlacklist", 403),
    ("IpNotInWhitelist", 403),
    ("RequestLimitExceeded", 429),
    ("LimitExceeded", 429),
    ("RequestSizeLimitExceeded", 413),
    ("InvalidParameter", 400),  # and InvalidParameterValue
    ("MissingParameter", 400),
    ("UnknownParameter", 400),
    ("InternalError", 503),
    ("ResourceInsufficient", 503),
    ("ResourceUnavailable", 503),
    ("ServiceUnavailable", 503),
)


def post(target: Target, action: str, body: JsonObject) -> WireRequest:
    """A call of an action. This API needs no region."""
    config, quirks = target.config, target.config.quirks
    return WireRequest(
        url=endpoint(config.base_url, "", quirks),
        headers={"x-tc-action": action, "x-tc-version": _VERSION, **quirks.headers},
        query=dict(quirks.query),
        json=body,
        auth=auth(quirks, _AUTH),
    )


def data_of(response: WireResponse) -> JsonObject:
    """The job in an answer; an empty object where there is none, as in an error."""
    return an_object(_answer(response.json()).get("Data"))


def refuse_error(response: WireResponse) -> None:
    """Raise what an answer says went wrong; return when nothing did.

    Raises:
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    found = parse_error(response.status, body)
    if found is not None:
        raise provider_error(_status(found[1]), body, response.headers, parse_error)


def parse_error(_http_status: int, body: Json) -> tuple[str, str] | None:
    """The message and the code of an error object."""
    error = _answer(body).get("Error")
    return (a_text(error.get("Message")), a_text(error.get("Code"))) if isinstance(error, dict) else None


def _answer(body: Json) -> JsonObject:
    return an_object(an_object(body).get("Response"))


def _status(code: str) -> int | None:
    return next((status for beginning, status in _STATUSES if code.startswith(beginning)), None)

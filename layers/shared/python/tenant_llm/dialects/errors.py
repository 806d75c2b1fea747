"""What a provider's error answer means: from status, body and headers to one class of the error tree."""

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from json import loads
from math import isfinite

from tenant_llm.dialects import error_body
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

type ParseError = Callable[[int, Json], tuple[str, str | None] | None]
"""A dialect's own reading of an error body: ``(status, body) -> (message, code)``, ``None`` where it has none."""

_LONGEST_MESSAGE = 1000
_REDIRECT, _LOWEST_ERROR, _SERVER_ERROR = 300, 400, 500
_NOT_IMPLEMENTED = 501
_SURVIVE = frozenset({400, 404, 413, 422})
# 424: the model behind the server failed, https://huggingface.github.io/text-embeddings-inference/ and
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (ModelErrorException). 498: out of
# capacity, https://console.groq.com/docs/errors; a dialect whose provider means something else has a ``parse_error``.
_REPEATABLE = frozenset({408, 409, 424, 498})

_QUOTA = re.compile(
    r"insufficient_quota|exceeded_current_quota|billing_(error|hard_limit)|arrearage|account_?overdue"
    r"|insufficient[ _](account )?(balance|credits?|funds)|balance (is )?(too low|insufficient|not enough)"
    r"|(out of|not enough|no) credits|余额不足|欠费",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"context_length|context[ _](length|window|size)|maximum context|(prompt|input|request) (is|was) too long"
    r"|too[ _]many[ _]tokens|tokens? (count )?(\(\d+\) )?exceeds? (the )?max|input tokens exceeded"
    r"|exceeds the (model's )?maximum (number of )?(input )?tokens|range of input length",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[ _]?filter|content_policy|content management policy|responsibleaipolicy|data_?inspection_?failed"
    r"|flagged (by|for|as)|content[ _]moderation|sensitive (content|words?)",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"api_key_invalid|(invalid|wrong|incorrect)_?api_?key|api key not valid", re.IGNORECASE)

# Codes of https://docs.bigmodel.cn/cn/api/api-code, which come with statuses of other meaning.
_NUMBERED: Mapping[str, type[ProviderError]] = {
    "1113": QuotaExhausted,
    "1261": ContextTooLong,
    "1301": ContentFiltered,
}
# Statuses behind the words of https://platform.openai.com/docs/guides/error-codes,
# https://docs.anthropic.com/en/api/errors, https://google.aip.dev/193 and AWS's exception names.
_STATUS_WORDS: tuple[tuple[str, int], ...] = (
    (r"invalid_?param", 400),
    (r"rate_?limit|throttl|resource_exhausted|too_?many_?requests|toomanyrequests", 429),
    (r"authentication|unauthenticated|unauthorized|invalid_?api_?key|wrong_api_key", 401),
    (r"permission|access_?denied|forbidden", 403),
    (r"not_?found", 404),
    (r"request_too_large", 413),
    (
        r"overloaded|unavailable|server_?error|internal|api_error|timeout|timed_?out|deadline_exceeded|stream_?error",
        503,
    ),
    (r"invalid|bad_?request|validation", 400),
)
_KEYS = re.compile(
    r"\b(?:Bearer\s+\S{12,}|sk-[\w*-]{4,}|AIza[\w-]{20,}"
    r"|(?:pk|gsk|xai|nvapi|hf|r8|pplx|pa|jina)[-_](?=[\w*-]*\d)[\w*-]{20,})"
)
_ECHO = re.compile(r"((?:key|token)\b[^:.]{0,20}:\s+)[^\s.,*][^.,*]*?(?=[.,]|\s+is\b|$)", re.IGNORECASE)
_KEY_LIKE = re.compile(r"(?<![\w/])(?:(?=\w*\d)(?=\w*[A-Za-z])\w{16,}|[0-9a-f]{8}-[0-9a-f-]{27})")
_TRY_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)\s?(ms|s))?", re.IGNORECASE
)


def answer_error(response: WireResponse, parse_error: ParseError | None = None) -> ProviderError:
    """The error that an answer means; its body may be JSON, text or HTML."""
    text = response.content.decode(errors="replace")
    try:
        body = loads(text)
    except (ValueError, RecursionError):
        body = text
    return provider_error(response.status, body, response.headers, parse_error)


def provider_error(
    status: int | None, body: Json, headers: Mapping[str, str], parse_error: ParseError | None = None
) -> ProviderError:
    """The error that a status and a body mean.

    Args:
        status: the HTTP status; ``None`` (or a 2xx) for an error object in a good answer or a stream, which is then
            judged by what the object says.
        body: the decoded body, or its text where that is not JSON.
        headers: in lower case, for the time to wait.
        parse_error: a dialect's own reading of the body, tried first.
    """
    said = _own(status, body, parse_error) or error_body.read(body)
    if status is None or status < _REDIRECT:
        status = said.status or _status_of(" ".join(said.codes))
    kind = _kind(status, said)
    message = _clean(said.message, hide_more=kind is CredentialRejected)
    if not message:
        message = f"the provider answered with status {status}" if status else "the provider answered with an error"
    return kind(
        message,
        param=said.param,
        status=status if issubclass(kind, ProviderRejected) and status in _SURVIVE else None,
        retry_after=_retry_after(headers, body, said.message),
    )


def refuse_error_object(body: Json, headers: Mapping[str, str]) -> None:
    """Raise what a JSON body of status 2xx, or an event of a stream, says went wrong; return when nothing did.

    Raises:
        ProviderError: When the body is an error object: ``error`` is set, ``base_resp`` has a status other than 0, or
            there is a message and a code.
    """
    if not isinstance(body, dict):
        return
    base = body.get("base_resp")
    failed = isinstance(base, dict) and base.get("status_code") not in (0, None)
    bare = isinstance(body.get("message"), str) and not {"choices", "data", "text"} & body.keys()
    if body.get("error") or failed or (bare and (body.get("code") or body.get("type"))):
        raise provider_error(None, body, headers)


def _own(status: int | None, body: Json, parse_error: ParseError | None) -> error_body.Said | None:
    own = parse_error(status or 0, body) if parse_error else None
    return None if own is None else error_body.Said(own[0], (own[1] or "",), status=error_body.read(body).status)


def _kind(status: int | None, said: error_body.Said) -> type[ProviderError]:
    numbered = next((_NUMBERED[code] for code in said.codes if code in _NUMBERED), None)
    if numbered is not None:
        return numbered
    words = " ".join((*said.codes, said.message))
    client_fault = status is None or status < _SERVER_ERROR
    if status == 402 or (client_fault and _QUOTA.search(words)):
        return QuotaExhausted
    if said.filtered or (status in {None, 400, 403, 422, 498} and _FILTERED.search(words)):
        return ContentFiltered
    if status in {None, 400, 413, 422, 500} and _CONTEXT.search(words):
        return ContextTooLong
    if status in {401, 403} or (status in {None, 400} and _BAD_KEY.search(words)):
        return CredentialRejected
    if status == 429:
        return RateLimited
    return _kind_of_status(status)


def _kind_of_status(status: int | None) -> type[ProviderError]:
    if status is None or status == _NOT_IMPLEMENTED or status < _LOWEST_ERROR:
        return ProviderError
    return ProviderUnavailable if status >= _SERVER_ERROR or status in _REPEATABLE else ProviderRejected


def _status_of(codes: str) -> int | None:
    return next((status for words, status in _STATUS_WORDS if re.search(words, codes, re.IGNORECASE)), None)


def _clean(message: str, *, hide_more: bool) -> str:
    """A message without what may be the key; a refused key is echoed in many forms, so key-like words go there too."""
    message = _KEYS.sub("[key]", " ".join(message.split()))
    if hide_more:
        message = _KEY_LIKE.sub("[key]", _ECHO.sub(r"\1[key]", message))
    return message[:_LONGEST_MESSAGE]


def _retry_after(headers: Mapping[str, str], body: Json, message: str) -> float | None:
    """Seconds to wait: from the headers, Google's RetryInfo, or the sentence that says so."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if said := headers.get("retry-after"):
        return _number(said) if _number(said) is not None else _until(said, headers.get("date"))
    for layer in error_body.layers(body):
        for item in error_body.objects(layer.get("details")):
            if (seconds := _number(str(item.get("retryDelay", "")).removesuffix("s"))) is not None:
                return seconds
    return _try_again(message)


def _try_again(message: str) -> float | None:
    found = _TRY_AGAIN.search(message)
    if found is None or not any(found.groups()):
        return None
    minutes, number, unit = found.groups()
    return int(minutes or 0) * 60 + float(number or 0) / (1000 if unit == "ms" else 1)


def _until(date: str, now: str | None) -> float | None:
    """Seconds between the answer's own date and a later one, so that no clock is read here."""
    try:
        return max(0.0, (parsedate_to_datetime(date) - parsedate_to_datetime(now or "")).total_seconds())
    except ValueError:
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(0.0, number) if isfinite(number) else None

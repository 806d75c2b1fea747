"""What a provider's error answer means: from status, body and headers to one class of the error tree."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from json import JSONDecodeError, loads

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
from tenant_llm.domain.wire import Json, JsonObject, WireResponse

type ParseError = Callable[[int, Json], tuple[str, str | None] | None]
"""A dialect's own reading of an error body: ``(status, body) -> (message, code)``, ``None`` where it has none."""

_LONGEST_MESSAGE = 300
_LOWEST_ERROR, _SERVER_ERROR, _HIGHEST_STATUS = 400, 500, 599
_NOT_IMPLEMENTED = 501
_SURVIVE = frozenset({400, 404, 413, 422})
_REPEATABLE = frozenset({408, 409, 498})  # 498: out of capacity, https://console.groq.com/docs/errors

_NESTED = ("error", "errors", "Error", "detail", "base_resp")
_MESSAGES = ("message", "Message", "msg", "error_msg", "errorMessage", "error_message", "err_msg", "status_msg")
_TEXTS = ("error", "detail", "errors", "title", "error_description")
_CODES = ("code", "type", "status", "error_code", "err_code", "error_type", "reason", "__type", "name")

_QUOTA = re.compile(
    r"insufficient_quota|exceeded_current_quota|billing_(error|hard_limit)|arrearage|account_?overdue|\b1113\b"
    r"|insufficient[ _](account )?(balance|credits?|funds)|balance (is )?(too low|insufficient|not enough)"
    r"|(out of|not enough|no) credits|余额不足|欠费",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"context_length|context[ _](length|window|size)|maximum context|(prompt|input|request) (is|was) too long"
    r"|too[ _]many[ _]tokens|tokens? (count )?(\(\d+\) )?exceeds? (the )?max|input tokens exceeded|\b1261\b"
    r"|exceeds the (model's )?maximum (number of )?(input )?tokens|range of input length",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[ _]?filter|content_policy|content management policy|responsibleaipolicy|data_?inspection_?failed"
    r"|\b1301\b|flagged (by|for|as)|content[ _]moderation|sensitive (content|words?)",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"api_key_invalid|(invalid|wrong|incorrect)_?api_?key|api key not valid", re.IGNORECASE)

# Statuses behind the words of https://platform.openai.com/docs/guides/error-codes,
# https://docs.anthropic.com/en/api/errors, https://google.aip.dev/193 and AWS's exception names.
_STATUS_WORDS: tuple[tuple[str, int], ...] = (
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
# base_resp.status_code, https://platform.minimax.io/docs/api-reference/errorcode
_BASE_RESP = {
    1000: 500, 1001: 408, 1002: 429, 1004: 401, 1008: 402, 1013: 500, 1024: 500, 1026: 400, 1027: 400, 1033: 500,
    1039: 429, 1042: 400, 2013: 400, 2049: 401, 2056: 402,
}  # fmt: skip
_BASE_RESP_FILTERED = frozenset({1026, 1027})

_KEYS = re.compile(r"\b(?:Bearer\s+\S+|sk-[\w*-]{4,}|(?:pk|gsk|xai|nvapi|hf|r8|pplx|AIza|jina|pa)[-_]?[\w*-]{12,})")
_ECHO = re.compile(r"((?:key|token)\b[^:.]{0,20}:\s+)[^\s.,*][^.,*]*?(?=[.,]|\s+is\b|$)", re.IGNORECASE)
_LONG_WORD = re.compile(r"(?<![/\w.-])(?=[\w.-]*\d)[\w.-]{16,}")
_TAGS = re.compile(r"<(script|style)\b.*?(</\1>|$)|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TRY_AGAIN = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)\s?(ms|s))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error body tells: its message, the words and numbers it classifies itself by, the field at fault."""

    message: str
    codes: str = ""
    param: str | None = None
    status: int | None = None
    filtered: bool = False


def answer_error(response: WireResponse, parse_error: ParseError | None = None) -> ProviderError:
    """The error that an answer means; its body may be JSON, text or HTML."""
    text = response.content.decode(errors="replace")
    try:
        body = loads(text)
    except JSONDecodeError:
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
    said = _own(status, body, parse_error) or _said(body)
    if status is None or status < _LOWEST_ERROR:
        status = said.status or _status_of(said.codes)
    kind = _kind(status, said)
    message = _clean(said.message, hide_words=kind is CredentialRejected)
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
    bare = "message" in body and not {"choices", "data", "text"} & body.keys()
    if body.get("error") or failed or (bare and (body.get("code") or body.get("type"))):
        raise provider_error(None, body, headers)


def _own(status: int | None, body: Json, parse_error: ParseError | None) -> _Said | None:
    own = parse_error(status or 0, body) if parse_error else None
    return None if own is None else _Said(own[0], own[1] or "", status=_said(body).status)


def _said(body: Json) -> _Said:
    if not isinstance(body, dict | list):
        return _Said(_text(body))
    layers = list(_layers(body))
    base = next((layer["status_code"] for layer in layers if isinstance(layer.get("status_code"), int)), 0)
    codes = [str(layer[key]) for layer in layers for key in _CODES if isinstance(layer.get(key), str | int)]
    codes += [item["reason"] for layer in layers for item in _objects(layer.get("details")) if "reason" in item]
    return _Said(
        message=_message(layers),
        codes=" ".join(codes),
        param=next((layer["param"] for layer in layers if isinstance(layer.get("param"), str)), None) or None,
        status=_BASE_RESP.get(base) or next((int(code) for code in codes if _is_status(code)), None),
        filtered=base in _BASE_RESP_FILTERED,
    )


def _layers(body: Json) -> Iterator[JsonObject]:
    """The error objects of a body, the outermost first: a list counts as its first element."""
    while isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        yield body
        for key in _NESTED:
            yield from _layers(body.get(key))


def _message(layers: list[JsonObject]) -> str:
    for names in (_MESSAGES, _TEXTS):
        for layer in reversed(layers):
            for name in names:
                value = layer.get(name)
                value = value[0] if isinstance(value, list) and value else value
                if isinstance(value, str) and value:
                    return value + _upstream(layer)
    return ""


def _upstream(layer: JsonObject) -> str:
    """What a router's own upstream said, https://openrouter.ai/docs/api-reference/errors."""
    metadata = layer.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f": {raw}" if isinstance(raw, str) and raw else ""


def _text(body: Json) -> str:
    return " ".join(_TAGS.sub(" ", str(body or "")).split())


def _kind(status: int | None, said: _Said) -> type[ProviderError]:
    words = f"{said.codes} {said.message}"
    client_fault = status is None or status < _SERVER_ERROR
    if status == 402 or (client_fault and _QUOTA.search(words)):
        return QuotaExhausted
    if said.filtered or (status in {None, 400, 403, 422} and _FILTERED.search(words)):
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


def _is_status(code: str) -> bool:
    return code.isdecimal() and _LOWEST_ERROR <= int(code) <= _HIGHEST_STATUS


def _clean(message: str, *, hide_words: bool) -> str:
    """A message without what may be the key; a refused key is echoed in many forms, so long words go there too."""
    message = _KEYS.sub("[key]", " ".join(message.split()))
    if hide_words:
        message = _LONG_WORD.sub("[…]", _ECHO.sub(r"\1[key]", message))
    return message[:_LONGEST_MESSAGE]


def _retry_after(headers: Mapping[str, str], body: Json, message: str) -> float | None:
    """Seconds to wait: from the headers, Google's RetryInfo, or the sentence that says so."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if said := headers.get("retry-after"):
        return _number(said) if _number(said) is not None else _until(said, headers.get("date"))
    for layer in _layers(body):
        for item in _objects(layer.get("details")):
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
        return max(0.0, float(text or ""))
    except ValueError:
        return None


def _objects(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

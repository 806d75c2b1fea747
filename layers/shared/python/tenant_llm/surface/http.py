"""API Gateway REST events in and out: JSON, multipart forms, binary bodies.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from email.message import Message
from io import BytesIO
from json import dumps, loads
from typing import NoReturn
from urllib.parse import unquote

from tenant_llm.domain.errors import InvalidRequest, PayloadTooLarge, Unauthorized
from tenant_llm.domain.wire import File, Form, Json, JsonObject

MOST_ANSWERED = 6 * 1024 * 1024
"""Bytes that Lambda returns from one call (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

# A character of a body takes at most this many bytes in the answer's own JSON: "\u0000".
_ESCAPED = 6


def is_http(event: Mapping[str, Json]) -> bool:
    """Whether the event comes from API Gateway and not from a direct invocation."""
    return "httpMethod" in event


def headers(event: Mapping[str, Json]) -> dict[str, str]:
    """The request's headers, names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def path_parameters(event: Mapping[str, Json]) -> dict[str, str]:
    """The path's parameters, decoded: a REST API hands them on as they stood in the URL, ``%40`` and all."""
    return {name: unquote(value) for name, value in (event.get("pathParameters") or {}).items()}


def query_parameters(event: Mapping[str, Json]) -> dict[str, str]:
    """The query's parameters, which API Gateway has decoded; of a repeated one the last."""
    return dict(event.get("queryStringParameters") or {})


def request_id(event: Mapping[str, Json], context: object) -> str:
    """The platform's id of the call: API Gateway's, else Lambda's, which stays the same when Lambda repeats a call."""
    found = (event.get("requestContext") or {}).get("requestId") if is_http(event) else None
    return str(found or getattr(context, "aws_request_id", "") or "unknown")


def tenant_id(event: Mapping[str, Json]) -> str:
    """The tenant that the authorizer has found. Nothing that the caller wrote is looked at.

    Raises:
        Unauthorized: When there is none.
    """
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    found = authorizer.get("tenant_id")
    if not isinstance(found, str) or not found:
        raise Unauthorized("the request carries no valid bearer token")
    return found


def read_body(event: Mapping[str, Json], limit: int) -> tuple[JsonObject, Form | None]:
    """The body as an object, and as a form where it is one; no body is an empty object.

    A body is JSON whatever its content type says, unless that is ``multipart/form-data``: many clients send JSON
    under a type of their own.

    Raises:
        PayloadTooLarge: When it has more than ``limit`` bytes.
        InvalidRequest: When it cannot be read; ``param`` is ``body``.
    """
    raw = _bytes(event)
    if len(raw) > limit:
        raise PayloadTooLarge(
            f"the body has {len(raw)} bytes: more than {limit}; larger audio goes by 'audio_url'", param="body"
        )
    content_type = headers(event).get("content-type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return {}, read_form(raw, content_type)
    return (read_json(raw) if raw.strip() else {}), None


def read_json(raw: bytes) -> JsonObject:
    """The JSON object in a body.

    Raises:
        InvalidRequest: When it is no JSON, or no object; the message quotes its beginning, ``param`` is ``body``.
    """
    try:
        body = loads(raw, parse_constant=_refuse)
        refuse_lone_surrogates(body, raw)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {raw[:80]!r}", param="body") from error
    if not isinstance(body, dict):
        raise InvalidRequest(f"the body is {raw[:80]!r}: not a JSON object", param="body")
    return body


def refuse_lone_surrogates(value: Json, raw: bytes | None = None) -> None:
    r"""Refuse text such as ``"\ud800"``, which JSON can write and UTF-8 cannot; ``raw`` spares most bodies the search.

    Raises:
        UnicodeEncodeError: A ``ValueError``, when there is such text in the value.
    """
    if raw is None or b"\\ud" in raw.lower():
        dumps(value, ensure_ascii=False).encode()


def read_form(raw: bytes, content_type: str) -> Form:
    """A multipart form; a part with a file name is a file.

    Raises:
        InvalidRequest: When the form is malformed, or two files have one name; ``param`` is ``body``.
    """
    from multipart import MultipartError, MultipartParser  # type: ignore[import-untyped]

    boundary = _parameter(content_type, "boundary")
    fields: dict[str, str | list[str]] = {}
    files: dict[str, File] = {}
    # All in memory, which the limit on the body bounds: a part spooled to disk would be read back at once.
    memory = len(raw) + 1
    try:
        for part in MultipartParser(BytesIO(raw), boundary, spool_limit=memory, memory_limit=memory):
            if part.filename is None:
                _add(fields, part.name, part.value)
            elif part.name in files:
                raise InvalidRequest(f"the form has two files named {part.name!r}", param=part.name)
            else:
                files[part.name] = File(part.filename, part.raw, part.content_type)
    except (MultipartError, UnicodeDecodeError, LookupError) as error:
        raise InvalidRequest(f"the body is not a multipart form: {error}", param="body") from error
    return Form(fields, files)


def render(body: Json, status: int, content_type: str, more: Mapping[str, str]) -> JsonObject:
    """The answer in API Gateway's shape: bytes in base64, a text as it is under a type that is not JSON, else JSON.

    Raises:
        PayloadTooLarge: When Lambda would not return it, under the code ``answer_too_large``.
    """
    binary = isinstance(body, bytes)
    if isinstance(body, bytes):
        text = b64encode(body).decode()
    elif isinstance(body, str) and content_type != "application/json":
        text = mended(body)
    else:
        text = write_json(body)
    answer = {
        "statusCode": status,
        "headers": {"content-type": content_type, **more},
        "body": text,
        "isBase64Encoded": binary,
    }
    if len(text) > MOST_ANSWERED // _ESCAPED:
        refuse_too_large(answer, audio=binary)
    return answer


def write_json(value: Json) -> str:
    """Compact JSON, its text as it is, and escaped where it holds half a surrogate pair.

    Models cut characters in two, mostly at the end of a streamed piece; UTF-8 could not carry the half.
    """
    text = dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if mended(text) is text else dumps(value, separators=(",", ":"))


def mended(text: str) -> str:
    """The text with halves of surrogate pairs joined, and U+FFFD for a half that stands alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def refuse_too_large(answer: Json, *, audio: bool = False) -> None:
    """Say that an answer is too large, in words, before Lambda does with a bare failure; ``audio`` could be uploaded.

    Raises:
        PayloadTooLarge: When it is; its code is ``answer_too_large``.
    """
    size = len(dumps(answer, ensure_ascii=False).encode())
    if size > MOST_ANSWERED:
        way_out = "send an 'output_url' to have it uploaded, or ask for less" if audio else "ask for less at once"
        raise PayloadTooLarge(
            f"the answer has {size} bytes, more than the {MOST_ANSWERED} that Lambda returns: {way_out}",
            code="answer_too_large",
        )


def _bytes(event: Mapping[str, Json]) -> bytes:
    body = event.get("body") or ""
    if isinstance(body, bytes):  # as a function that streams gets it
        return body
    if not event.get("isBase64Encoded"):
        return bytes(body.encode(errors="surrogatepass"))
    try:
        return b64decode(body, validate=True)
    except ValueError as error:
        raise InvalidRequest(f"the body is not valid base64: {body[:40]!r}", param="body") from error


def _parameter(header: str, name: str) -> str:
    message = Message()
    message["content-type"] = header
    found = message.get_param(name)
    if not isinstance(found, str) or not found:
        raise InvalidRequest(f"the content type {header!r} has no {name}", param="body")
    return found


def _add(fields: dict[str, str | list[str]], name: str, value: str) -> None:
    before = fields.get(name)
    if before is None:
        fields[name] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        fields[name] = [before, value]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")

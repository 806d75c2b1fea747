"""A ``WireRequest`` as httpx sends it."""

from json import dumps

import httpx

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Form, JsonObject, WireRequest


def build(client: httpx.Client, wire: WireRequest, extensions: dict[str, object]) -> httpx.Request:
    """The request but for its key.

    Raises:
        InvalidRequest: When the URL is none, or the body has no JSON form.
    """
    headers = {name.lower(): value for name, value in wire.headers.items()}
    content = wire.content
    if wire.json is not None:
        headers.setdefault("content-type", "application/json")
        content = encode(wire.json)
    if wire.framing is not None:
        headers.setdefault("accept-encoding", "identity")  # a compressing proxy would hold deltas back
    try:
        url = httpx.URL(wire.url).copy_merge_params(dict(wire.query))
        return client.build_request(
            wire.method,
            url,
            headers=headers,
            content=content,
            files=_parts(wire.form) if wire.form is not None else None,
            extensions=extensions,
        )
    except (httpx.InvalidURL, UnicodeEncodeError):  # quoted in neither: a header's value may be secret
        raise InvalidRequest("the URL or a header of the request is not valid HTTP", param="api_base") from None


def encode(body: JsonObject) -> bytes:
    """JSON in UTF-8, as short as it gets.

    Raises:
        InvalidRequest: When a number is not finite or a text holds half a surrogate pair; JSON has neither.
    """
    try:
        return dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        raise InvalidRequest(f"the request cannot be written as JSON: {error}") from error


def _parts(form: Form) -> list[tuple[str, tuple[str | None, str | bytes, str | None]]]:
    """Every field as a part of its own, also where there is no file: httpx would send a URL-encoded form then."""
    fields = [
        (name, (None, item, None))
        for name, value in form.fields.items()
        for item in ([value] if isinstance(value, str) else value)
    ]
    files = [(name, (file.name, file.content, file.content_type)) for name, file in form.files.items()]
    return [*fields, *files]

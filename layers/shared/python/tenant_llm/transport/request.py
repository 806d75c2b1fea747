"""A ``WireRequest`` as httpx sends it."""

from collections.abc import Mapping
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
    check_headers(headers)
    try:
        url = httpx.URL(wire.url).copy_merge_params(dict(wire.query))
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise InvalidRequest(f"api_base: {wire.url!r} is not a URL", param="api_base") from error
    files = _parts(wire.form) if wire.form is not None else None
    return client.build_request(wire.method, url, headers=headers, content=content, files=files, extensions=extensions)


def check_headers(headers: Mapping[str, str]) -> None:
    """Let headers through that can be sent. The libraries below quote a value they refuse, which may be a key.

    Raises:
        InvalidRequest: When a value has a character that no header carries; the message names the header alone.
    """
    for name, value in headers.items():
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise InvalidRequest(f"the header {name!r} has a character that no header carries", param=name)


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

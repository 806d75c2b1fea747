"""What a provider's error body says, in whichever of the common shapes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tenant_llm.domain.wire import Json, JsonObject

_NESTED = ("error", "errors", "Error", "detail", "base_resp")
_MESSAGES = ("message", "Message", "msg", "error_msg", "errorMessage", "error_message", "err_msg", "status_msg")
_TEXTS = ("error_description", "error", "detail", "errors", "title")
_CODES = ("code", "type", "status", "error_code", "err_code", "error_type", "reason", "__type", "name")
_LOWEST_ERROR, _HIGHEST_STATUS = 400, 599
_READ = 4000  # characters of a message that are looked at

# base_resp.status_code, https://platform.minimax.io/docs/api-reference/errorcode
_BASE_RESP = {
    1000: 500, 1001: 408, 1002: 429, 1004: 401, 1008: 402, 1013: 500, 1024: 500, 1026: 400, 1027: 400, 1033: 500,
    1039: 429, 1042: 400, 2013: 400, 2049: 401, 2056: 402,
}  # fmt: skip
_BASE_RESP_FILTERED = frozenset({1026, 1027})
_TAGS = re.compile(r"<(script|style)\b.*?(</\1>|$)|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """What an error body tells: its message, the words and numbers it classifies itself by, the field at fault."""

    message: str
    codes: tuple[str, ...] = ()
    param: str | None = None
    status: int | None = None
    filtered: bool = False


def read(body: Json) -> Said:
    """What a decoded body, or its text, says."""
    if not isinstance(body, dict | list):
        return Said(_text(body))
    found = list(layers(body))
    base = next((layer["status_code"] for layer in found if isinstance(layer.get("status_code"), int)), 0)
    codes = [str(layer[key]) for layer in found for key in _CODES if isinstance(layer.get(key), str | int)]
    codes += [str(item["reason"]) for layer in found for item in objects(layer.get("details")) if "reason" in item]
    return Said(
        message=_message(found),
        codes=tuple(codes),
        param=next((layer["param"] for layer in found if isinstance(layer.get("param"), str)), None) or None,
        status=_BASE_RESP.get(base) or next((int(code) for code in codes if _is_status(code)), None),
        filtered=base in _BASE_RESP_FILTERED,
    )


def layers(body: Json) -> Iterator[JsonObject]:
    """The error objects of a body, the outermost first: a list counts as its first element."""
    while isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        yield body
        for key in _NESTED:
            yield from layers(body.get(key))


def objects(value: Json) -> list[JsonObject]:
    """The objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _message(found: list[JsonObject]) -> str:
    for names in (_MESSAGES, _TEXTS):
        for layer in reversed(found):
            for name in names:
                value = layer.get(name)
                value = value[0] if isinstance(value, list) and value else value
                if isinstance(value, str) and value:
                    return (value + _upstream(layer))[:_READ]
    return ""


def _upstream(layer: JsonObject) -> str:
    """What a router's own upstream said, https://openrouter.ai/docs/api/reference/errors-and-debugging."""
    metadata = layer.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f": {raw}" if isinstance(raw, str) and raw else ""


def _text(body: Json) -> str:
    return " ".join(_TAGS.sub(" ", str(body or "")[:_READ]).split())


def _is_status(code: str) -> bool:
    return code.isdecimal() and _LOWEST_ERROR <= int(code) <= _HIGHEST_STATUS

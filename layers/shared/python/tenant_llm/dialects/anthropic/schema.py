"""JSON schemas as structured outputs take them.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs (JSON schema limitations).
"""

from collections.abc import Mapping
from json import dumps

from tenant_llm.domain.wire import Json

_LIMITS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "minProperties", "maxProperties",
)  # fmt: skip
_LISTS = ("anyOf", "oneOf", "allOf")
_MAPS = ("properties", "$defs", "definitions")


def closed(schema: Json) -> Json:
    """A schema whose objects take no fields but their own, and whose limits stand in the description.

    The API refuses an object that does not say so, and any limit on numbers and lengths; the model still reads them.
    """
    if not isinstance(schema, Mapping):
        return schema
    result = {name: _inner(name, value) for name, value in schema.items() if not _is_limit(name, value)}
    if "oneOf" in result:
        result["anyOf"] = result.pop("oneOf")
    if "object" in _types(schema) or "properties" in schema:
        result["additionalProperties"] = False
    if limits := {name: value for name, value in schema.items() if _is_limit(name, value)}:
        said = (schema.get("description"), dumps(limits, ensure_ascii=False))
        result["description"] = " ".join(text for text in said if text)
    return result


def _inner(name: str, value: Json) -> Json:
    """A keyword's value, with the schemas inside it closed."""
    if name == "items":
        return closed(value)
    if name in _LISTS and isinstance(value, list):
        return [closed(item) for item in value]
    if name in _MAPS and isinstance(value, Mapping):
        return {key: closed(item) for key, item in value.items()}
    return value


def _is_limit(name: str, value: Json) -> bool:
    return name in _LIMITS or (name == "minItems" and value not in [0, 1])


def _types(schema: Mapping[str, Json]) -> list[Json]:
    kind = schema.get("type")
    return kind if isinstance(kind, list) else [kind]

"""JSON schemas as this wire takes them.

https://ai.google.dev/gemini-api/docs/structured-output (JSON schema support)
"""

from collections.abc import Mapping
from json import dumps

from tenant_llm.domain.wire import Json, JsonObject

_KEPT = frozenset({
    "$id", "$ref", "$anchor", "type", "format", "title", "description", "enum", "minItems", "maxItems", "minimum",
    "maximum", "required", "propertyOrdering",
})  # fmt: skip
_ONE = frozenset({"items", "additionalProperties"})
_LISTS = frozenset({"anyOf", "oneOf", "prefixItems"})
_MAPS = {"properties": "properties", "$defs": "$defs", "definitions": "$defs"}
_HINTS = (
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "uniqueItems", "default",
    "examples",
)  # fmt: skip


def cleaned(schema: Json) -> Json:
    """A schema of the keywords that are read; what other keywords limit stands in the description.

    A constant becomes an enum of one, alternatives with only one member become that, old ``definitions`` move to
    ``$defs``. Beside a reference nothing else may stand.
    """
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {name: value for name, value in _plain(schema).items() if name.startswith("$")} | _inside(schema, "$")
    result = _merged(schema) | _plain(schema) | _inside(schema)
    if isinstance(schema.get("const"), str | int | float):
        result["enum"] = [schema["const"]]
    if not _is_readable(result.get("enum", [])):
        del result["enum"]
    if hints := {name: schema[name] for name in _HINTS if name in schema}:
        said = (schema.get("description"), dumps(hints, ensure_ascii=False))
        result["description"] = " ".join(text for text in said if isinstance(text, str) and text)
    return result


def _plain(schema: Mapping[str, Json]) -> JsonObject:
    kept = {name: value for name, value in schema.items() if name in _KEPT}
    if isinstance(kept.get("$ref"), str):
        kept["$ref"] = kept["$ref"].replace("#/definitions/", "#/$defs/")
    return kept


def _inside(schema: Mapping[str, Json], only: str = "") -> JsonObject:
    """The schemas inside a schema, cleaned; ``only`` is how their keywords have to begin."""
    result: JsonObject = {}
    for name, value in schema.items():
        place = _MAPS.get(name, name)
        if not place.startswith(only):
            continue
        if name in _ONE:
            result[name] = cleaned(value)
        elif name in _LISTS and isinstance(value, list):
            result[name] = [cleaned(item) for item in value]
        elif name in _MAPS and isinstance(value, Mapping):
            result[place] = {key: cleaned(item) for key, item in value.items()}
    return result


def _merged(schema: Mapping[str, Json]) -> JsonObject:
    """What all members of ``allOf`` say together; the wire has no word for it, and most often there is one member."""
    result: JsonObject = {}
    members = schema.get("allOf")
    for member in members if isinstance(members, list) else []:
        inner = cleaned(member)
        if not isinstance(inner, Mapping):
            continue
        for name, value in inner.items():
            old = result.get(name)
            if isinstance(old, dict) and isinstance(value, dict):
                result[name] = {**old, **value}
            elif isinstance(old, list) and isinstance(value, list):
                result[name] = [*old, *value]
            else:
                result[name] = value
    return result


def _is_readable(enum: Json) -> bool:
    """Texts and numbers; a bool is neither."""
    return isinstance(enum, list) and all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in enum)

import pytest

from tenant_llm.dialects.gemini.schema import cleaned
from tenant_llm.domain.wire import Json


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "$schema": "https://json-schema.org/draft/2020-12/schema"}, {"type": "string"}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"type": "boolean", "const": True}, {"type": "boolean"}),
        ({"type": ["string", "null"], "enum": ["a", None]}, {"type": ["string", "null"]}),
        ({"type": "array", "items": {"const": 1}}, {"type": "array", "items": {"enum": [1]}}),
        ({"prefixItems": [{"const": 1}], "items": False}, {"prefixItems": [{"enum": [1]}], "items": False}),
        ({"additionalProperties": {"const": 1}}, {"additionalProperties": {"enum": [1]}}),
        ({"type": "string", "minLength": 2}, {"type": "string", "description": '{"minLength": 2}'}),
        ({"$ref": "#/definitions/A", "description": "x"}, {"$ref": "#/$defs/A"}),
        ({"properties": {"$schema": {"const": 1}}}, {"properties": {"$schema": {"enum": [1]}}}),
        (True, True),
    ],
)
def test_a_schema_keeps_the_keywords_that_are_read(schema: Json, expected: Json) -> None:
    assert cleaned(schema) == expected


def test_members_of_all_of_are_one_schema() -> None:
    schema = {
        "allOf": [
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            {"title": "x"},
            True,
        ],
        "type": "object",
    }

    assert cleaned(schema) == {
        "type": "object",
        "title": "x",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "required": ["a", "b"],
    }


def test_a_reference_to_itself_stays_one() -> None:
    schema = {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"properties": {"left": {"$ref": "#/$defs/Tree"}}}}}

    assert cleaned(schema) == schema

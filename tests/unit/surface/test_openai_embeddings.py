import json
from base64 import b64decode
from struct import unpack

import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.embedding import EmbeddingResult
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import invalid_request
from tenant_llm.surface.openai_embeddings import ask, render
from tests.support.events import load_event

_RESULT = EmbeddingResult([[0.5, -1.0], [0.25, 2.0]], Usage(7), "m@F")


def _call(body: JsonObject) -> Call:
    return Call(Caller("tenant123", "r", Deadline.after(1)), body)


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ["a"]),
        ("", [""]),
        (["a", ""], ["a", ""]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
        (["a", [1]], ["a", [1]]),
    ],
)
def test_input_is_a_text_or_texts_or_token_ids(given: Json, inputs: Json) -> None:
    assert ask(_call({"input": given})).request.inputs == inputs


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (None, "input"),
        (5, "input"),
        ([], "input"),
        ({}, "input"),
        (["a", 5], "input[1]"),
        ([1, "a"], "input[0]"),
        ([True], "input[0]"),
        ([-1], "input[0]"),
        ([[]], "input[0]"),
        ([["a"]], "input[0]"),
        ([[1], [1.5]], "input[1]"),
    ],
)
def test_another_input_is_refused_by_its_place(given: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ask(_call({"input": given}))

    assert caught.value.param == param
    assert caught.value.message.startswith(f"{param} is ")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "dimensions": "256"}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "input_type": "answer"}, "input_type"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(fields: JsonObject, param: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ask(_call(fields))

    assert invalid_request(caught.value).param == param


def test_the_side_of_a_search_and_the_dimensions_are_told() -> None:
    asked = ask(_call(json.loads(load_event("http/embeddings_query")["body"])))

    assert (asked.model, asked.encoding) == (None, "float")
    assert (asked.request.purpose, asked.request.dimensions) == ("query", 256)


def test_unknown_fields_are_params() -> None:
    body = {"model": "m", "input": "a", "encoding_format": None, "user": "u", "truncate": True}

    assert ask(_call(body)).request.params == {"user": "u", "truncate": True}


def test_an_answer_is_a_list_in_the_order_of_the_inputs() -> None:
    assert render(_RESULT) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.25, 2.0]},
        ],
        "model": "m@F",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_base64_is_little_endian_floats() -> None:
    asked = ask(_call(json.loads(load_event("http/embeddings")["body"])))

    answer = render(_RESULT, asked.encoding)

    assert unpack("<2f", b64decode(answer["data"][1]["embedding"])) == (0.25, 2.0)

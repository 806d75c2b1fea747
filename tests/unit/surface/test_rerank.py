import json

import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.rerank import Ranked, RerankResult
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import invalid_request
from tenant_llm.surface.rerank import ask, render
from tests.support.events import load_event

_BODY: JsonObject = {"query": "q", "documents": ["a", "b", "c"]}


def _call(body: JsonObject) -> Call:
    return Call(Caller("tenant123", "r", Deadline.after(1)), body)


def test_documents_are_texts_or_objects_with_a_text() -> None:
    asked = ask(_call(json.loads(load_event("http/rerank")["body"])))

    assert asked.model == "jina-reranker-v2-base-multilingual@Jina"
    assert asked.request.query == "capital of Switzerland"
    assert asked.request.documents == [
        "Bern is the seat of government.",
        "Zurich is the largest city.",
        "Cheese has holes.",
    ]
    assert (asked.request.top_n, asked.return_documents) == (2, True)
    assert asked.request.params == {}


def test_unknown_fields_are_params() -> None:
    assert ask(_call({**_BODY, "truncation": True, "top_n": None})).request.params == {"truncation": True}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", 5]}, "documents[1]"),
        ({"documents": ["a", {"title": "t"}]}, "documents[1].text"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "2"}, "top_n"),
        ({"return_documents": "yes"}, "return_documents"),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_place(fields: JsonObject, param: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ask(_call({**_BODY, **fields}))

    assert invalid_request(caught.value).param == param


def test_results_are_the_best_first_and_equal_ones_in_the_documents_order() -> None:
    ranked = (Ranked(2, 0.1), Ranked(1, 0.9), Ranked(0, 0.1))

    answer = render(RerankResult(ranked, Usage(12, native={"search_units": 1}), "m@F"), ask(_call(_BODY)))

    assert answer == {
        "model": "m@F",
        "results": [
            {"index": 1, "relevance_score": 0.9},
            {"index": 0, "relevance_score": 0.1},
            {"index": 2, "relevance_score": 0.1},
        ],
        "usage": {"total_tokens": 12, "search_units": 1},
    }


def test_documents_are_repeated_when_asked_for() -> None:
    asked = ask(_call({**_BODY, "return_documents": True}))

    answer = render(RerankResult((Ranked(2, 0.5),), Usage(1, estimated=True)), asked)

    assert answer["results"] == [{"index": 2, "relevance_score": 0.5, "document": {"text": "c"}}]
    assert answer["usage"] == {"total_tokens": 1, "estimated": True}

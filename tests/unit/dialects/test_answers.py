"""An answer of odd shape is read or refused as malformed, never a fault of ours."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.answers import a_count, a_text, an_object, objects
from tenant_llm.domain.errors import ProviderError
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.wire import Json, ServerEvent
from tests.support.wire import Case, case_paths, load_case

FAMILIES = {
    "anthropic", "bedrock", "cohere", "dashscope", "gemini", "jina", "jina_logits", "minimax", "nvidia", "ollama",
    "openai", "perplexity", "qianfan", "tei", "vertex", "volcengine", "voyage",
}  # fmt: skip
LOADERS: dict[ModelType, Any] = {
    ModelType.CHAT: load.chat,
    ModelType.EMBEDDING: load.embedding,
    ModelType.RERANK: load.rerank,
    ModelType.SPEECH2TEXT: load.speech2text,
}
ODD: list[Json] = [None, True, 1, "x", [], [1], {}, {"a": 1}]
PATHS = [
    path
    for path in case_paths("result", "streamed", "deltas")
    if path.parts[-3] in FAMILIES and loads(path.read_text())["wire_response"].keys() & {"json", "events"}
]


def ways(value: Json, way: tuple[Json, ...] = ()) -> Iterator[tuple[Json, ...]]:
    """The way to every value inside a value, itself included."""
    yield way
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from ways(value[key], (*way, key))


def variants(value: Json) -> Iterator[Json]:
    """The value with each of its parts replaced by something odd."""
    for way in ways(value):
        for odd in ODD:
            if not way:
                yield odd
                continue
            place = changed = deepcopy(value)
            for key in way[:-1]:
                place = place[key]
            place[way[-1]] = odd
            yield changed


def outcome(case: Case, changed: Json) -> Any:
    """What the dialect makes of an answer or of the events; ``None`` where it refuses it as the provider's fault."""
    dialect = LOADERS[case.model_type](case.family)
    try:
        if case.events is not None:
            events = changed if isinstance(changed, list) else [changed]
            named = [ServerEvent(dumps(data), event.event) for data, event in zip(events, case.events, strict=False)]
            asked = () if case.model_type is ModelType.CHAT else (case.request,)
            return list(dialect.parse_stream(named, *asked, case.target))
        assert case.response is not None
        return dialect.parse(replace(case.response, content=dumps(changed).encode()), case.request, case.target)
    except ProviderError:
        return None


@pytest.mark.parametrize(
    "path", [path for path in PATHS if path.parts[-2] in LOADERS], ids=lambda path: "/".join(path.parts[-3:])
)
def test_an_odd_answer_is_read_or_refused(path: Path) -> None:
    case = load_case(path)
    if case.events is not None:
        answer = [loads(event.data) for event in case.events if event.data.startswith("{")]
    else:
        assert case.response is not None
        answer = case.response.json()

    outcomes = [outcome(case, changed) for changed in variants(answer)]

    assert None in outcomes


def test_what_is_not_of_its_kind_counts_as_missing() -> None:
    assert an_object([1]) == {}
    assert a_text(1) == ""
    assert a_count(True) is None
    assert a_count("1") is None
    assert objects(["x", {"a": 1}]) == [{"a": 1}]


def test_a_single_object_is_a_list_of_one() -> None:
    assert objects({"a": 1}) == [{"a": 1}]


def test_a_count_with_a_fraction_is_made_whole() -> None:
    assert a_count(12.0) == 12


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_json_does_not_have_is_no_count(text: str) -> None:
    assert a_count(loads(text)) is None

"""Scores of a rerank: one fixed rule a wire, the same for a document whatever else is in its answer."""

from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenant_llm.dialects.ranking import in_unit, ranked, sigmoid
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.rerank import Ranked, RerankRequest, best_first
from tenant_llm.domain.wire import Json

REQUEST = RerankRequest("q", ["a", "b", "c"])
HUNDREDTHS = st.integers(-4_000, 4_000).map(lambda number: number / 100)


@pytest.mark.parametrize("score", [0.0, 5e-324, 1e-10, 0.25, 0.75809944, 1 - 1e-10, 1.0])
def test_a_promised_score_is_left_as_it_is(score: float) -> None:
    assert in_unit(score) == score


@pytest.mark.parametrize("rule", [in_unit, sigmoid])
@pytest.mark.parametrize("score", [-inf, -1e300, -700.5, 0.0, 700.5, 1e300, inf])
def test_every_number_becomes_a_score(rule: type[float], score: float) -> None:
    assert 0 <= rule(score) <= 1


@settings(derandomize=True, deadline=None)
@given(HUNDREDTHS, HUNDREDTHS)
def test_a_larger_score_is_never_a_smaller_one_of_ours(one: float, other: float) -> None:
    assert (in_unit(one) <= in_unit(other)) or one > other


@settings(derandomize=True, deadline=None)
@given(st.lists(HUNDREDTHS, min_size=3, max_size=3), st.sampled_from([in_unit, sigmoid]))
def test_the_best_first_is_the_order_of_the_providers_own_scores(scores: list[float], rule: type[float]) -> None:
    results = [{"index": index, "relevance_score": score} for index, score in enumerate(scores)]

    found = best_first(ranked(results, REQUEST, rule))

    assert [item.index for item in found] == sorted(range(3), key=lambda index: -scores[index])


@settings(derandomize=True, deadline=None)
@given(st.floats(-30, 30), st.floats(-30, 30))
def test_a_larger_logit_is_never_a_smaller_probability(one: float, other: float) -> None:
    assert (sigmoid(one) <= sigmoid(other)) or one > other


@settings(derandomize=True, deadline=None)
@given(st.floats(-700, 700))
def test_a_logit_and_its_negative_are_complementary(logit: float) -> None:
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1)


def test_the_order_of_the_provider_is_kept() -> None:
    results = [{"index": index, "relevance_score": 0.5} for index in (2, 0, 1)]

    found = ranked(results, REQUEST, in_unit)

    assert found == (Ranked(2, 0.5), Ranked(0, 0.5), Ranked(1, 0.5))


def test_a_provider_that_cuts_nothing_off_is_understood() -> None:
    results = [{"index": index, "relevance_score": 0.5} for index in range(3)]

    found = ranked(results, RerankRequest("q", ["a", "b", "c"], top_n=1), in_unit)

    assert len(found) == 3


@pytest.mark.parametrize("index", [-1, 3, "0", None, 1.5])
def test_an_index_has_to_be_a_place_in_the_request(index: Json) -> None:
    with pytest.raises(MalformedAnswer, match="no document of the request"):
        ranked([{"index": index, "relevance_score": 0.5}], REQUEST, in_unit)


@pytest.mark.parametrize("score", ["0.5", None, True, nan])
def test_a_score_has_to_be_a_number(score: Json) -> None:
    with pytest.raises(MalformedAnswer, match="no score"):
        ranked([{"index": 0, "relevance_score": score}], REQUEST, in_unit)


@pytest.mark.parametrize("item", [None, 1, "text", []])
def test_a_result_has_to_be_an_object(item: Json) -> None:
    with pytest.raises(MalformedAnswer):
        ranked([item], REQUEST, in_unit)

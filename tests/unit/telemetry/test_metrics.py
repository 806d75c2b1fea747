from collections.abc import Callable

import pytest

from tenant_llm.domain.usage import Usage
from tenant_llm.telemetry import metrics
from tests.support.metrics import CONFIG, STACK, USAGE, counters, emitted, inside_lambda, written

_OF_THE_STACK = frozenset({"service"})
_OF_A_PAIR = frozenset({"service", "model_type", "factory"})
_USD_A_METRIC = 0.30


@pytest.fixture(autouse=True)
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    inside_lambda(monkeypatch)


def test_a_call_is_one_line_with_all_that_is_known_of_it() -> None:
    line, whole = written(metrics.count_call)

    assert (line["service"], line["factory"], line["model_type"]) == (STACK, "OpenAI", "chat")
    assert (line["Calls"], line["InputTokens"], line["OutputTokens"]) == ([1], [3], [4])
    assert (line["CachedTokens"], line["ReasoningTokens"], line["Estimated"]) == ([2], [1], [1])
    assert (line["Latency"], line["FirstToken"]) == ([12.5], [3.5])
    assert "FirstToken" not in whole
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "TenantLLM"


def test_a_call_that_has_no_cached_and_no_reasoning_tokens_writes_no_metric_for_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    metrics.count_call(CONFIG, Usage(3, 4), ms=12.5)

    written = capsys.readouterr().out
    assert "CachedTokens" not in written
    assert "ReasoningTokens" not in written
    assert '"Estimated":[0.0]' in written


def test_times_are_milliseconds_and_all_else_is_counted() -> None:
    units = {name: unit for name, _, unit in emitted()}

    assert {name for name, unit in units.items() if unit == "Milliseconds"} == {"Latency", "FirstToken"}
    assert set(units.values()) == {"Milliseconds", "Count"}


def test_what_happens_to_a_model_is_under_its_type_and_factory_and_under_the_stack_alone() -> None:
    sets: dict[str, set[frozenset[str]]] = {}
    for name, dimensions, _ in emitted():
        sets.setdefault(name, set()).add(dimensions)

    of_the_stack = {name for name, found in sets.items() if found == {_OF_THE_STACK}}
    assert {"Queued", "Unsettled", "Unreadable", "Faults", "UncheckedTokens"} <= of_the_stack
    assert {name: found for name, found in sets.items() if found != {_OF_THE_STACK, _OF_A_PAIR}}.keys() == of_the_stack
    assert {"Calls", "ProviderErrors", "Retries", "Fallbacks", "CircuitOpened", "ShortCircuited"} <= sets.keys()


def test_a_pair_of_type_and_factory_costs_what_the_docstring_says() -> None:
    pair = {name for name, dimensions, _ in emitted() if dimensions == _OF_A_PAIR}

    assert f"{_USD_A_METRIC * len(pair):.2f} USD" in str(metrics.__doc__)


@pytest.mark.parametrize("count", counters().values(), ids=counters())
def test_a_metric_tells_nothing_of_a_tenant(count: Callable[..., None]) -> None:
    lines = written(count)

    assert lines
    for line in lines:
        assert line["service"] == STACK
        assert CONFIG.tenant_id not in str(line)
        assert CONFIG.llm_name not in str(line)


def test_the_code_of_a_providers_error_is_a_property_and_no_dimension() -> None:
    (line,) = written(metrics.count_provider_error)

    assert (line["code"], line["ProviderErrors"]) == ("rate_limit_exceeded", [1])
    assert all("code" not in names for names in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"])


def test_only_that_a_circuit_opens_is_counted() -> None:
    (line,) = written(metrics.count_circuit)

    assert line["CircuitOpened"] == [1]


def test_calls_over_budgets_are_told_apart() -> None:
    soft, hard = written(metrics.count_over_budget)

    assert (soft["OverSoftBudget"], hard["OverHardBudget"]) == ([1], [1])
    assert "OverHardBudget" not in soft


def test_two_stacks_of_one_account_stand_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "tenant-llm-dev")

    metrics.count_retry(CONFIG)

    assert '"service":"tenant-llm-dev"' in capsys.readouterr().out


def test_outside_lambda_nothing_is_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("AWS_LAMBDA_INITIALIZATION_TYPE")

    metrics.count_call(CONFIG, USAGE, ms=12.5)

    assert capsys.readouterr().out == ""

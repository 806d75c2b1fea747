import json

import pytest

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import JsonObject
from tenant_llm.telemetry import metrics

_CONFIG = ModelConfig("tenant123", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://api.openai.com/v1", "gpt-4")


def _lines(capsys: pytest.CaptureFixture[str]) -> list[JsonObject]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_call_is_one_line_of_the_embedded_metric_format(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")

    metrics.count_call(_CONFIG, Usage(3, 4), ms=12.5)

    (line,) = _lines(capsys)
    assert (line["factory"], line["model_type"]) == ("OpenAI", "chat")
    assert (line["Calls"], line["InputTokens"], line["OutputTokens"]) == ([1], [3], [4])
    assert line["Latency"] == [12.5]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "TenantLLM"
    assert sorted(directive["Dimensions"][0]) == ["factory", "model_type", "service"]
    assert "tenant123" not in str(line)


def test_each_line_has_its_own_dimensions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")

    metrics.count_provider_error(_CONFIG, "rate_limit_exceeded")
    metrics.count_unsettled()
    metrics.count_fault()
    metrics.count_queued()
    metrics.count_unreadable()

    failed, unsettled, fault, queued, unreadable = _lines(capsys)
    assert (queued["Queued"], unreadable["Unreadable"]) == ([1], [1])
    assert (failed["code"], failed["ProviderErrors"]) == ("rate_limit_exceeded", [1])
    assert (unsettled["Unsettled"], fault["Faults"]) == ([1], [1])
    assert "code" not in unsettled
    assert "factory" not in fault


def test_calls_over_budgets_are_told_apart(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")

    metrics.count_over_budget(_CONFIG, "soft")
    metrics.count_over_budget(_CONFIG, "hard")
    metrics.count_unchecked_budget(_CONFIG)

    soft, hard, unchecked = _lines(capsys)
    assert (soft["OverSoftBudget"], hard["OverHardBudget"], unchecked["UncheckedBudgets"]) == ([1], [1], [1])
    assert "OverHardBudget" not in soft


def test_outside_lambda_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.count_call(_CONFIG, Usage(3, 4), ms=12.5)

    assert capsys.readouterr().out == ""

"""Metrics: calls, tokens, latency and failures by model type and factory, not by tenant.

Inside Lambda each is a line of CloudWatch's embedded metric format on standard output
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html);
elsewhere nothing is written. A tenant is no dimension: each combination of dimensions is a metric of its own, and
billed as one.
"""

from collections.abc import Mapping
from typing import Literal

from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.settings import in_lambda

_NAMESPACE = "TenantLLM"


def count_call(config: ModelConfig, usage: Usage, ms: float, *, first_ms: float | None = None) -> None:
    """A call was answered: it, its tokens and its milliseconds."""
    counts = {"Calls": 1, "InputTokens": usage.input_tokens, "OutputTokens": usage.output_tokens}
    times = {"Latency": ms} if first_ms is None else {"Latency": ms, "FirstToken": first_ms}
    _write(_model(config), counts, times)


def count_provider_error(config: ModelConfig, code: str) -> None:
    """A call failed at the provider; ``code`` is the error's stable word."""
    _write({**_model(config), "code": code}, {"ProviderErrors": 1})


def count_retry(config: ModelConfig) -> None:
    """A request to a provider was tried again."""
    _write(_model(config), {"Retries": 1})


def count_fallback(config: ModelConfig) -> None:
    """A model could not answer, and the next one was asked."""
    _write(_model(config), {"Fallbacks": 1})


def count_circuit(config: ModelConfig, state: str) -> None:
    """A circuit changed its state."""
    if state == "open":
        _write(_model(config), {"CircuitOpened": 1})


def count_short_circuit(config: ModelConfig) -> None:
    """A call was refused because its circuit is open."""
    _write(_model(config), {"ShortCircuited": 1})


def count_queued() -> None:
    """A settlement could not be stored and waits in the queue."""
    _write({}, {"Queued": 1})


def count_over_budget(config: ModelConfig, kind: Literal["soft", "hard"]) -> None:
    """A call was over a budget: a soft one, and went through, or a hard one, and was refused."""
    _write(_model(config), {"OverSoftBudget" if kind == "soft" else "OverHardBudget": 1})


def count_unchecked_budget(config: ModelConfig) -> None:
    """A call went through without a look at its soft budgets."""
    _write(_model(config), {"UncheckedBudgets": 1})


def count_unsettled() -> None:
    """A settlement could be neither stored nor queued and waits in the logs."""
    _write({}, {"Unsettled": 1})


def count_unreadable() -> None:
    """A message of the queue is no settlement."""
    _write({}, {"Unreadable": 1})


def count_fault() -> None:
    """A caller was told of an internal error."""
    _write({}, {"Faults": 1})


def _model(config: ModelConfig) -> dict[str, str]:
    return {"model_type": config.model_type.value, "factory": config.factory}


def _write(
    dimensions: Mapping[str, str], counts: Mapping[str, float], times: Mapping[str, float] | None = None
) -> None:
    if not in_lambda():
        return
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    # One line a call, not one an invocation: the dimensions differ from call to call.
    metrics = EphemeralMetrics(namespace=_NAMESPACE, service="tenant-llm")
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    for name, ms in (times or {}).items():
        metrics.add_metric(name, MetricUnit.Milliseconds, ms)
    metrics.flush_metrics()


def count_untraced() -> None:
    """What was to be told of a call did not come into the queue."""
    _write({}, {"Untraced": 1})

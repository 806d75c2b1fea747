"""Metrics: calls, tokens, latency and failures by model type and factory, not by tenant.

Inside Lambda each call of this module is a line of CloudWatch's embedded metric format on standard output
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html);
elsewhere nothing is written. All of them have the dimension ``service``, the stack's name, so that stages of one
account stand apart. What happens to a model is written under two sets of dimensions by the same line: ``service``
alone, which alarms ask for, since they cannot search
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-search-expressions.html); and ``service``,
``model_type``, ``factory``, which the dashboard searches.

CloudWatch bills every combination of name and dimensions as a metric of its own: 0.30 USD a month, for the hours it was
written in (https://aws.amazon.com/cloudwatch/pricing/, first 10,000 of an account, us-east-1). A pair of type and
factory that answers all day costs 1.50 USD for its five constant metrics, 3.30 USD where it also streams, caches,
reasons, is retried, falls back and fails, and never more than 4.80 USD for all sixteen; the stack's own set of
dimensions costs that once. Hence a tenant is no dimension, and neither is a provider's error code, whose ten or so
words would multiply every factory: it is a property of the line, which the log can be asked for.
"""

from collections.abc import Mapping
from typing import Literal

from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.settings import in_lambda, service_name

_NAMESPACE = "TenantLLM"


def count_call(config: ModelConfig, usage: Usage, ms: float, *, first_ms: float | None = None) -> None:
    """A call was answered: it, its tokens, and its milliseconds to the end and, of a stream, to the first delta.

    ``Estimated`` is 0 or 1, so that its average is the share of calls whose tokens are ours. Tokens from a cache and of
    reasoning are parts of the others, and are written only where there are any.
    """
    parts = {"CachedTokens": usage.cached_tokens, "ReasoningTokens": usage.reasoning_tokens}
    counts = {
        "Calls": 1,
        "InputTokens": usage.input_tokens,
        "OutputTokens": usage.output_tokens,
        "Estimated": int(usage.estimated),
        **{name: tokens for name, tokens in parts.items() if tokens > 0},
    }
    _write(counts, config, times={"Latency": ms} | ({} if first_ms is None else {"FirstToken": first_ms}))


def count_provider_error(config: ModelConfig, code: str) -> None:
    """A call failed at the provider; ``code``, the error's stable word, is a property of the line."""
    _write({"ProviderErrors": 1}, config, properties={"code": code})


def count_retry(config: ModelConfig) -> None:
    """A request to a provider is made again within its call."""
    _write({"Retries": 1}, config)


def count_fallback(config: ModelConfig) -> None:
    """A call goes on to a fallback model; ``config`` is the model that failed."""
    _write({"Fallbacks": 1}, config)


def count_circuit(config: ModelConfig, state: str) -> None:
    """The circuit of a model's provider is now ``open``, ``closed`` or ``half_open``; that it opened is counted."""
    if state == "open":
        _write({"CircuitOpened": 1}, config)


def count_short_circuit(config: ModelConfig) -> None:
    """A call was refused before its provider was asked, because the circuit is open."""
    _write({"ShortCircuited": 1}, config)


def count_queued() -> None:
    """A settlement could not be stored and waits in the queue."""
    _write({"Queued": 1})


def count_over_budget(config: ModelConfig, kind: Literal["soft", "hard"]) -> None:
    """A call was over a budget: a soft one, and went through, or a hard one, and was refused."""
    _write({"OverSoftBudget" if kind == "soft" else "OverHardBudget": 1}, config)


def count_unchecked_budget(config: ModelConfig) -> None:
    """A call went through without a look at its soft budgets."""
    _write({"UncheckedBudgets": 1}, config)


def count_unsettled() -> None:
    """A settlement could be neither stored nor queued and waits in the logs."""
    _write({"Unsettled": 1})


def count_unreadable() -> None:
    """A message of the queue is no settlement."""
    _write({"Unreadable": 1})


def count_fault() -> None:
    """A caller was told of an internal error."""
    _write({"Faults": 1})


def count_unchecked_token() -> None:
    """A caller's token could not be looked up, which is neither a right nor a wrong one."""
    _write({"UncheckedTokens": 1})


def _write(
    counts: Mapping[str, float],
    config: ModelConfig | None = None,
    *,
    times: Mapping[str, float] | None = None,
    properties: Mapping[str, str] | None = None,
) -> None:
    if not in_lambda():
        return
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    # One line a call, not one an invocation: the dimensions differ from call to call.
    service = service_name()
    metrics = EphemeralMetrics(namespace=_NAMESPACE, service=service)
    if config is not None:
        metrics.add_dimensions(service=service, model_type=config.model_type.value, factory=config.factory)
    for name, value in (properties or {}).items():
        metrics.add_metadata(name, value)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    for name, ms in (times or {}).items():
        metrics.add_metric(name, MetricUnit.Milliseconds, ms)
    metrics.flush_metrics()


def count_untraced() -> None:
    """What was to be told of a call did not come into the queue."""
    _write({"Untraced": 1})

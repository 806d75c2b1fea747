"""What one call writes, counted from the code itself: DynamoDB's units, bytes of the ledger, of logs and of metrics.

The calls are settled in the embedded AWS, and what was written is looked at there.
"""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from local.aws import embedded_aws
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.budgets import BudgetRepository
from tenant_llm.repositories.tables import connection
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.repositories.usage_ledger import MOST_TOGETHER, UsageRepository
from tenant_llm.settings import Settings
from tenant_llm.telemetry import logs, metrics

_AT = datetime(2026, 11, 24, 12, 0, 0, 123456, UTC)
_USAGE = Usage(input_tokens=1200, output_tokens=350, cached_tokens=1024, reasoning_tokens=64)
_TENANT, _NAME, _FACTORY = "tenant-0123456789", "gpt-4o-mini-2024-07-18", "Azure-OpenAI"
_KB = 1024
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
_EVENT_BYTES = 26


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one call: write units by way, bytes of its ledger item and of its log lines, metrics in them.

    ``metrics`` are those of its model type and factory, ``shared_metrics`` those that all calls have together.
    ``config_ttl`` and ``secret_ttl`` are for how many seconds models and keys are remembered.
    """

    alone: float
    budgeted: float
    together: float
    ledger_bytes: int
    log_bytes: int
    metrics: int
    shared_metrics: int
    config_ttl: float
    secret_ttl: float


def measured() -> Measured:
    """Settle some calls and look at what was written."""
    with embedded_aws() as env, patch.dict(os.environ, env):
        connection.cache_clear()
        try:
            settings = Settings.from_env(env)
            units, ledger_bytes = _units(settings)
        finally:
            connection.cache_clear()
    lines = list(_lines())
    told = [json.loads(line) for line in lines]
    directives = [metric for one in told if "_aws" in one for metric in one["_aws"]["CloudWatchMetrics"]]
    return Measured(
        **units,
        ledger_bytes=ledger_bytes,
        log_bytes=sum(len(line.encode()) + _EVENT_BYTES for line in lines),
        metrics=sum(len(one["Metrics"]) for one in directives for names in one["Dimensions"] if "factory" in names),
        shared_metrics=sum(
            len(one["Metrics"]) for one in directives for names in one["Dimensions"] if "factory" not in names
        ),
        config_ttl=settings.config_ttl,
        secret_ttl=settings.secret_ttl,
    )


def _units(settings: Settings) -> tuple[dict[str, float], int]:
    row = TenantModel(_TENANT, _NAME, _FACTORY, ModelType.CHAT)
    TenantLLMRepository(settings).put(row)
    ledger = UsageRepository(settings)
    calls = (_settlement(f"8a0c1c1e-5d5b-4b0e-9a39-{number:012d}", row.address) for number in range(MOST_TOGETHER + 9))
    ledger.settle(next(calls))  # the day's item is there
    with _recorded() as written:
        ledger.settle(next(calls))
    alone = _consumed(written)
    (ledger_bytes,) = (_size(write["Put"]["Item"]) for write in written if "Put" in write)

    with _recorded() as written:
        budget = Budget("day", hard=10**9).counter(_AT)
        call = next(calls)
        ends_at = _AT + timedelta(minutes=1)
        held = BudgetRepository(settings).reserve(_TENANT, call.request_id, 2000, {budget: 10**9}, ends_at)
        ledger.settle(_settlement(call.request_id, row.address, held))
    budgeted = _consumed(written)

    with _recorded() as written:
        ledger.settle_together([next(calls) for _ in range(MOST_TOGETHER)])
    return {"alone": alone, "budgeted": budgeted, "together": _consumed(written) / MOST_TOGETHER}, ledger_bytes


def _settlement(request_id: str, row: str, reservation: Any = None) -> Settlement:
    return Settlement(
        _TENANT, request_id, _NAME, _FACTORY, ModelType.CHAT, _USAGE, _AT, row=row, reservation=reservation
    )


@contextmanager
def _recorded() -> Iterator[list[dict[str, Any]]]:
    """The parts of every transaction that is sent in the block."""
    parts: list[dict[str, Any]] = []

    def record(params: Mapping[str, Any], **_: object) -> None:
        parts.extend(json.loads(params["body"])["TransactItems"])

    events = connection().client.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", record)
    try:
        yield parts
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", record)


def _consumed(writes: list[dict[str, Any]]) -> float:
    """Two units for each KB of each item of a transaction, a condition that is checked alone included.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """
    return float(sum(2 * max(1, -(-_item_size(part) // _KB)) for write in writes for part in write.values()))


def _item_size(part: Mapping[str, Any]) -> int:
    if "Item" in part:
        return _size(part["Item"])
    there = connection()._make_api_call("GetItem", {"TableName": part["TableName"], "Key": part["Key"]})
    return _size(there.get("Item", {}))


def _size(item: Mapping[str, Any]) -> int:
    """Bytes of an item.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content.strip("-").replace(".", "").strip("0")) // 2 + 2
        case "M":
            return 3 + sum(1 + len(name) + _value_size(one) for name, one in content.items())
        case "L":
            return 3 + sum(1 + _value_size(one) for one in content)
        case _:
            return 1


def _lines() -> Iterator[str]:
    """The lines that a call prints inside Lambda."""
    config = ModelConfig(_TENANT, _NAME, _FACTORY, ModelType.CHAT, "azure_openai", "https://example.com", _NAME)
    printed = io.StringIO()
    inside = {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "POWERTOOLS_METRICS_DISABLED": "false",
        "POWERTOOLS_SERVICE_NAME": "tenant-llm-prod",
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793",
    }
    logs._logger.cache_clear()
    request_id = "8a0c1c1e-5d5b-4b0e-9a39-5d1f3b6d7c55"
    with patch.dict(os.environ, inside), redirect_stdout(printed), logs.context(tenant=_TENANT, request_id=request_id):
        logs.call_done(config, _USAGE, 3012.4)
        metrics.count_call(config, _USAGE, 3012.4)
    logs._logger.cache_clear()
    yield from printed.getvalue().splitlines()

"""What the accounts say a tenant used, told apart by where it stands."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.faults.world import World
from local.aws import client_of
from tenant_llm import bootstrap
from tenant_llm.settings import settings


@dataclass(frozen=True, slots=True)
class Accounts:
    """Calls and tokens of the ledger, of the days, of the model's row and of the budget."""

    ledger_calls: int
    day_calls: int
    ledger: int
    days: int
    row: int
    estimated: int
    committed: int | None
    """Of the tenant's budget, where it has one."""

    @property
    def agree(self) -> bool:
        """Whether all of them say the same."""
        all_say = {self.ledger, self.days, self.row, self.ledger if self.committed is None else self.committed}
        return len(all_say) == 1 and self.ledger_calls == self.day_calls


def accounts(world: World, tenant_id: str) -> Accounts:
    """Read the tenant's accounts, past the proxy."""
    pages = (
        client_of(world.env, "dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().usage_table,
            ConsistentRead=True,
            KeyConditionExpression="tenant_id = :tenant AND begins_with(entry, :call)",
            ExpressionAttributeValues={":tenant": {"S": tenant_id}, ":call": {"S": "call#"}},
        )
    )
    calls = [item for page in pages for item in page["Items"]]
    today = datetime.now(UTC).date()
    days = bootstrap.usage_repository().days(tenant_id, today - timedelta(days=1), today)
    (row,) = bootstrap.tenant_models_service().models(tenant_id)
    return Accounts(
        ledger_calls=len(calls),
        day_calls=sum(day.calls for day in days),
        ledger=sum(int(item[kind]["N"]) for item in calls for kind in ("input_tokens", "output_tokens")),
        days=sum(day.total_tokens for day in days),
        row=row.used_tokens,
        estimated=sum(day.estimated_tokens for day in days),
        committed=next((state.committed for state in bootstrap.budget_service().states(tenant_id)), None),
    )

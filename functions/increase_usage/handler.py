"""Accounts: add tokens used elsewhere, tell what was used and what budgets leave, book settlements that had to wait."""

from tenant_llm.bootstrap import budget_service, usage_report_service, usage_service
from tenant_llm.surface import budgets, queue_events, usage, usage_report
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def increase_usage(call: Call) -> Answer:
    """``{"updated": 1}``, or 0 where the model has no row."""
    asked = usage.ask(call)
    request_id = asked.request_id or call.caller.request_id
    updated = usage_service().increase(
        call.caller.tenant_id, asked.llm_type, asked.used_tokens, asked.llm_name, request_id
    )
    return Answer({"updated": updated})


def get_usage(call: Call) -> Answer:
    """What the tenant has used, in a period."""
    return usage_report.report(call, usage_report_service)


def get_budgets(call: Call) -> Answer:
    """The tenant's budgets, and what is used or reserved of them."""
    return Answer(budgets.render(budget_service().states(call.caller.tenant_id)))


handler = queue_events.consuming(
    queue_events.settlements(lambda settlements, has_time: usage_service().book_all(settlements, has_time)),
    entrypoint(
        {"POST /v1/usage": increase_usage, "GET /v1/usage": get_usage, "GET /v1/budgets": get_budgets},
        prepare=usage_service,
    ),
)

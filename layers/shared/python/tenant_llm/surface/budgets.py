"""Budgets as tenants and operators see them."""

from collections.abc import Iterable

from tenant_llm.domain.budget import BudgetState
from tenant_llm.domain.wire import JsonObject


def render(states: Iterable[BudgetState]) -> JsonObject:
    """``{"budgets": [...]}``: each with what is used or reserved of it, and when it renews (UTC).

    ``remaining`` is what the hard limit leaves, 0 at least; ``null`` without one.
    """
    return {"budgets": [_budget(state) for state in states]}


def _budget(state: BudgetState) -> JsonObject:
    hard = state.budget.hard
    return {
        "model": state.budget.model,
        "period": state.budget.period,
        "hard": hard,
        "soft": state.budget.soft,
        "committed": state.committed,
        "remaining": None if hard is None else max(0, hard - state.committed),
        "renews_at": state.renews_at.isoformat(),
    }

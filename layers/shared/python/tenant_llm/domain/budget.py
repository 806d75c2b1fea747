"""Budgets: how many tokens a tenant may use in a day or a month, and what a call holds of them while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, override

type Period = Literal["day", "month"]

_WINDOWS: Mapping[Period, str] = {"day": "%Y-%m-%d", "month": "%Y-%m"}
_LONGEST_MONTH = 31


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens a day or a month (UTC) of one model, by its address, or of all models of the tenant together.

    Over ``hard`` a call is refused; over ``soft`` it goes through, and operators hear of it.
    """

    period: Period
    hard: int | None = None
    soft: int | None = None
    model: str | None = None

    def counter(self, at: datetime) -> str:
        """Under which sort key the tokens of that time are counted; it begins with the time, as that of a day does."""
        return f"budget#{at.astimezone(UTC).strftime(_WINDOWS[self.period])}#{self.model or 'tenant'}"

    def renews_at(self, at: datetime) -> datetime:
        """When the period of that time is over."""
        begin = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period == "day":
            return begin + timedelta(days=1)
        return (begin.replace(day=1) + timedelta(days=_LONGEST_MONTH)).replace(day=1)

    @override
    def __str__(self) -> str:
        return f"a {self.period} for {self.model or 'all models together'}"


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget now: ``committed`` tokens are used, or reserved by calls that run."""

    budget: Budget
    committed: int
    renews_at: datetime


@dataclass(frozen=True, slots=True)
class Reservation:
    """The counters that a call is charged to, and what it holds of them until then; nothing where it has reserved none.

    Plain values: a settlement that has to wait carries them along.
    """

    counters: tuple[str, ...]
    held: Mapping[str, int] = field(default_factory=dict)

    def holding(self, held: Mapping[str, int]) -> "Reservation":
        """The same counters with another hold, whose own counters are charged, too."""
        return Reservation(tuple(dict.fromkeys((*self.counters, *held))), dict(held))

    def charges(self, tokens: int) -> dict[str, int]:
        """What each counter grows by when the call has used that many: less than nothing where it held more."""
        return {counter: tokens - self.held.get(counter, 0) for counter in self.counters}

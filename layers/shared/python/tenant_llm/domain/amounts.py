"""Sums of amounts that need not be whole: seconds, pages, dollars."""

from collections.abc import Iterable
from decimal import Decimal


def added(amounts: Iterable[float]) -> float:
    """The sum, exact in decimals and so in any order the same; an ``int`` where it is whole."""
    total = sum((Decimal(str(amount)) for amount in amounts), Decimal(0))
    return int(total) if total == total.to_integral_value() else float(total)

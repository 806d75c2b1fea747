"""How long a call may still take."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from tenant_llm.domain.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock; ``clock`` is a seam for tests."""

    at: float
    clock: Callable[[], float] = monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = monotonic) -> "Deadline":
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock())

    def timeout(self, configured: float) -> float:
        """Seconds the next step may take: the configured ones, or what is left if that is less.

        Raises:
            DeadlineExceeded: When nothing is left.
        """
        left = self.remaining()
        if left <= 0:
            raise DeadlineExceeded("the time for this call is over")
        return min(configured, left)

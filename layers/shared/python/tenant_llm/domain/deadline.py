"""How long a call may still take, and whether anybody still waits for it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from tenant_llm.domain.errors import DeadlineExceeded

STEP = 0.25
"""Seconds after which whoever waits looks again whether the caller has hung up."""


@dataclass(slots=True)
class Line:
    """The line to a caller, who may hang up at any time, from another thread."""

    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock; ``clock`` is a seam for tests. Once the caller has hung up no time is left."""

    at: float
    clock: Callable[[], float] = monotonic
    line: Line = field(default_factory=Line, compare=False)

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = monotonic) -> "Deadline":
        """The deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    def sooner(self, seconds: float) -> "Deadline":
        """This deadline, or the one that many seconds from now if that comes first; the line is the same."""
        return replace(self, at=min(self.at, self.clock() + seconds))

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return 0.0 if self.line.hung_up else self.seconds()

    def seconds(self) -> float:
        """Seconds until then whoever has hung up, never negative."""
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

    def pause(self, seconds: float) -> None:
        """Let that many seconds pass, or fewer if the caller hangs up."""
        end = self.clock() + seconds
        while not self.line.hung_up and (left := end - self.clock()) > 0:
            sleep(min(STEP, left))

"""Trying again, as long as it can help and there is time."""

from collections.abc import Callable
from dataclasses import dataclass
from random import random
from time import sleep

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import ProviderError

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0


@dataclass(frozen=True, slots=True)
class Retry:
    """At most ``attempts`` calls; ``sleep`` and ``jitter`` are seams for tests.

    Only errors marked ``retryable`` are tried again: 408, 409, 429, 5xx and broken connections. A request that timed
    out is not, since the provider may be working on it still and would bill it twice; a broken connection is, as the
    vendors' own clients do.
    """

    attempts: int
    sleep: Callable[[float], None] = sleep
    jitter: Callable[[], float] = random

    def run[T](self, call: Callable[[], T], deadline: Deadline) -> T:
        """The call's result.

        The wait before the next attempt is the provider's ``retry_after``, else exponential with full jitter. Where
        the deadline leaves no time for it, the error is raised at once.
        """
        for attempt in range(self.attempts - 1):
            try:
                return call()
            except ProviderError as error:
                wait = error.retry_after
                if wait is None:
                    wait = self.jitter() * min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
                if not error.retryable or wait >= deadline.remaining():
                    raise
                self.sleep(wait)
        return call()

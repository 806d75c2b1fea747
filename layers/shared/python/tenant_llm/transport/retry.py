"""Trying again, as long as it can help and there is time."""

from collections.abc import Callable
from dataclasses import dataclass
from random import random

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import TenantLLMError

_FIRST_WAIT = 0.5
_LONGEST_BACKOFF = 8.0
_LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How one call is tried again: the longest wait that it is worth, in seconds, and whom to tell of each try."""

    longest_wait: float = _LONGEST_WAIT
    tell: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Retry:
    """At most ``attempts`` calls; ``sleep`` (of seconds) and ``jitter`` (in [0, 1)) are seams for tests.

    Without a ``sleep`` it waits as long as the caller does.

    Only errors marked ``retryable`` are tried again: no connection, one that closed before an answer began, 408, 409,
    429 and 5xx but 501. A provider that took the request and is silent is not asked again, nor one whose answer has
    begun: it may have done the work, and would bill it twice.
    """

    attempts: int
    sleep: Callable[[float], None] | None = None
    jitter: Callable[[], float] = random

    def run[T](self, attempt: Callable[[], T], deadline: Deadline, manner: Manner | None = None) -> T:
        """The result of the first attempt that succeeds.

        Raises:
            TenantLLMError: What the last attempt raised: an error that repeating does not help, the last one allowed,
                or one after which waiting would take longer than the manner allows (a minute, if none is given) or
                than the deadline leaves. Its ``retry_after`` tells the caller then.
        """
        manner = manner or Manner()
        for failed in range(self.attempts - 1):
            try:
                return attempt()
            except TenantLLMError as error:
                wait = self._wait(failed, error)
                if not error.retryable or wait > manner.longest_wait or wait >= deadline.remaining():
                    raise
            (self.sleep or deadline.pause)(wait)
            manner.tell()
        return attempt()

    def _wait(self, failed: int, error: TenantLLMError) -> float:
        """What the provider asks for, else exponential with full jitter.

        https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        """
        if error.retry_after is not None:
            return error.retry_after
        longest: float = min(_LONGEST_BACKOFF, _FIRST_WAIT * 2.0**failed)
        return self.jitter() * longest

"""What AWS does to requests while a row of the table is measured; see ``tests.support.faults.Proxy.weather``."""

from random import Random
from threading import Lock

from tests.support.faults import Fault, LostAnswer, Refusal, cancellation, refusal

SETTLING = "TransactWriteItems"
QUEUEING = "SendMessage"


class Weather:
    """Of the requests of one operation, a share meets one of the faults; which ones, the seed says."""

    def __init__(self, operation: str, share: float, *faults: Fault, seed: int = 1) -> None:
        self._operation = operation
        self._share = share
        self._faults = faults
        self._random = Random(seed)  # noqa: S311 - nobody is to be surprised
        self._lock = Lock()
        self.met = 0

    def __call__(self, operation: str) -> Fault | None:
        """The fault that a request meets."""
        if operation != self._operation:
            return None
        with self._lock:
            if self._random.random() >= self._share:
                return None
            self.met += 1
            return self._random.choice(self._faults)


LOST = LostAnswer()
FAILED = Refusal(500, refusal("InternalServerError").body)
THROTTLED = refusal("ThrottlingException")
CONFLICT = cancellation("TransactionConflict")
QUEUE_FAILED = Refusal(500, {"__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "injected"})

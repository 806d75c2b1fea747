"""What was fetched for a key and is still good, so that it is fetched once an hour and not once a call."""

from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from time import monotonic

from cachetools import TLRUCache

_CAPACITY = 1024
_MARGIN = 300  # nothing is used in its last seconds, which a long call might outlive


@dataclass(frozen=True, slots=True)
class _Item[T]:
    value: T = field(repr=False)
    seconds: float


class Kept[T]:
    """Tokens or keys, by what they were asked for with: that, which may be a key, is remembered as its digest only."""

    def __init__(self) -> None:
        self._items: TLRUCache[str, _Item[T]] = TLRUCache(_CAPACITY, _until, timer=monotonic)
        self._lock = Lock()

    def find(self, *asked_with: str) -> T | None:
        """What is kept, if it stays good for a while."""
        with self._lock:
            item = self._items.get(_digest(asked_with))
        return item.value if item else None

    def keep(self, value: T, seconds: float, *asked_with: str) -> None:
        """Keep what is good for ``seconds``."""
        with self._lock:
            self._items[_digest(asked_with)] = _Item(value, seconds)


def _until[T](_key: str, item: _Item[T], now: float) -> float:
    return now + max(0.0, item.seconds - _MARGIN)


def _digest(parts: tuple[str, ...]) -> str:
    return sha256(b"".join(sha256(part.encode()).digest() for part in parts)).hexdigest()

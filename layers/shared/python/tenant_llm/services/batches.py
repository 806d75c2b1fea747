"""Splitting a request into what a provider takes at once, and putting the answers together."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add

from tenant_llm.domain.usage import Usage, reported

_CALLS_AT_ONCE = 8


def batches[T](items: Sequence[T], size: int | None) -> list[Sequence[T]]:
    """The items in runs of at most ``size``, in order; one run where there is no limit."""
    step = size or max(len(items), 1)
    return [items[start : start + step] for start in range(0, len(items), step)]


def in_parallel[Request, Result](call: Callable[[Request], Result], requests: Sequence[Request]) -> list[Result]:
    """The results in the order of the requests; the first error is raised after the running calls have ended."""
    if len(requests) == 1:
        return [call(requests[0])]
    with ThreadPoolExecutor(min(_CALLS_AT_ONCE, len(requests))) as pool:
        try:
            return list(pool.map(call, requests))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def total_usage(usages: Iterable[Usage | None]) -> Usage | None:
    """The sum; ``None`` where the provider has left out one of them, or told nonsense."""
    known = [reported(usage) for usage in usages]
    if not known or None in known:
        return None
    return reduce(add, (usage for usage in known if usage is not None))

"""Splitting a request into what a provider takes at once, and putting the answers together."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import pairwise
from operator import add

from tenant_llm.domain.usage import Usage, reported

_CALLS_AT_ONCE = 8


def batches[T](
    items: Sequence[T], size: int | None, weights: Sequence[int] = (), heaviest: int | None = None
) -> list[Sequence[T]]:
    """The items in runs, in order; one run where there is no limit.

    Args:
        items: what to split.
        size: how many items a run has at most.
        weights: what each item weighs; needed where there is a heaviest.
        heaviest: what the items of a run weigh at most together. An item that weighs more by itself is a run of its
            own, for the provider to judge.
    """
    starts: list[int] = []
    weight = 0
    for index in range(len(items)):
        own = weights[index] if heaviest is not None else 0
        full = size is not None and starts and index - starts[-1] == size
        heavy = heaviest is not None and weight + own > heaviest
        if not starts or full or heavy:
            starts.append(index)
            weight = 0
        weight += own
    return [items[start:end] for start, end in pairwise((*starts, len(items)))]


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

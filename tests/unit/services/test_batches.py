from threading import Barrier, get_ident

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.domain.usage import Usage
from tenant_llm.services.batches import batches, in_parallel, total_usage


@given(st.lists(st.integers()), st.integers(min_value=1, max_value=7))
def test_batches_put_together_are_the_items_and_none_is_too_large(items: list[int], size: int) -> None:
    parts = batches(items, size)

    assert [item for part in parts for item in part] == items
    assert all(0 < len(part) <= size for part in parts)


@given(
    st.lists(st.integers(min_value=0, max_value=9)),
    st.integers(min_value=1, max_value=5) | st.none(),
    st.integers(min_value=1, max_value=20),
)
def test_no_batch_is_too_heavy_but_for_an_item_that_is_so_by_itself(
    weights: list[int], size: int | None, heaviest: int
) -> None:
    parts = batches(weights, size, weights, heaviest)

    assert [item for part in parts for item in part] == weights
    assert all(0 < len(part) <= (size or len(weights)) for part in parts)
    assert all(sum(part) <= heaviest or len(part) == 1 for part in parts)


def test_a_batch_takes_all_that_fits() -> None:
    assert batches("abcdef", None, [3, 3, 4, 9, 1, 1], 10) == ["abc", "de", "f"]
    assert batches("abcdef", 2, [3, 3, 4, 9, 1, 1], 10) == ["ab", "c", "de", "f"]


def test_without_a_limit_there_is_one_batch() -> None:
    assert batches([1, 2, 3], None) == [[1, 2, 3]]


def test_results_come_in_the_order_of_the_requests_whatever_ends_first() -> None:
    together = Barrier(3, timeout=10)

    def call(number: int) -> int:
        together.wait()  # all three have to be under way at once
        return number * 10

    assert in_parallel(call, [1, 2, 3]) == [10, 20, 30]


def test_a_single_request_stays_on_the_callers_thread() -> None:
    assert in_parallel(lambda _: get_ident(), ["one"]) == [get_ident()]


def test_one_failure_fails_them_all() -> None:
    def call(number: int) -> int:
        return 10 // number

    with pytest.raises(ZeroDivisionError):
        in_parallel(call, [1, 0, 2])


def test_the_total_is_unknown_as_soon_as_one_part_is() -> None:
    assert total_usage([Usage(1), Usage(2)]) == Usage(3)
    assert total_usage([Usage(1), None]) is None
    assert total_usage([]) is None

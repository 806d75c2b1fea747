from itertools import permutations

import pytest

from tenant_llm.domain.amounts import added


def test_a_sum_is_the_same_in_any_order() -> None:
    assert {added(order) for order in permutations([0.1, 0.2, 0.3, 1e15])} == {1000000000000000.6}


@pytest.mark.parametrize(
    ("amounts", "total"), [([], 0), ([0.5, 0.5], 1), ([2**60, 1], 2**60 + 1), ([0.3, -0.1, -0.2], 0)]
)
def test_a_whole_sum_is_an_integer(amounts: list[float], total: int) -> None:
    result = added(amounts)

    assert result == total
    assert isinstance(result, int)

import pytest

from tenant_llm.domain.usage import Usage, reported


def test_the_total_is_input_and_output_without_counting_their_parts_again() -> None:
    usage = Usage(input_tokens=10, output_tokens=5, cached_tokens=4, cache_write_tokens=2, reasoning_tokens=3)

    assert usage.total_tokens == 15


def test_sums_keep_every_kind_and_unit_apart() -> None:
    one = Usage(1, 2, 3, 4, 5, {"seconds": 1.5, "pages": 1})
    other = Usage(10, 20, 30, 40, 50, {"seconds": 2.5, "characters": 7})

    assert one + other == Usage(11, 22, 33, 44, 55, {"characters": 7, "pages": 1, "seconds": 4.0})


def test_a_sum_with_an_estimate_in_it_is_an_estimate() -> None:
    assert (Usage(1) + Usage(1, estimated=True)).estimated
    assert not (Usage(1) + Usage(1)).estimated


@pytest.mark.parametrize(
    "usage",
    [
        Usage(-1),
        Usage(1, output_tokens=-5),
        Usage(1, cached_tokens=-1),
        Usage(10**15),
        Usage(1, native={"seconds": -0.5}),
        Usage(1, native={"seconds": float("nan")}),
    ],
)
def test_a_report_that_cannot_be_is_none(usage: Usage) -> None:
    assert reported(usage) is None


def test_a_report_of_zeros_is_one() -> None:
    assert reported(Usage()) == Usage()
    assert reported(None) is None

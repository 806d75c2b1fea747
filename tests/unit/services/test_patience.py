from threading import Event

import pytest

from tenant_llm.domain.errors import NotFound, ServiceUnavailable
from tenant_llm.services.patience import within


def test_what_comes_in_time_is_returned() -> None:
    assert within(20, lambda: 5) == 5


def test_what_fails_in_time_is_raised() -> None:
    def fail() -> None:
        raise NotFound("x")

    with pytest.raises(NotFound):
        within(20, fail)


def test_what_takes_too_long_goes_on_alone() -> None:
    may_end, ended = Event(), Event()

    def work() -> None:
        may_end.wait()
        ended.set()

    with pytest.raises(ServiceUnavailable, match=r"within 0\.0 s"):
        within(0.01, work)

    may_end.set()
    assert ended.wait(20)

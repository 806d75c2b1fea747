"""How long a call may take, and whether anybody waits."""

from threading import Thread
from time import monotonic

import pytest

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import DeadlineExceeded


def test_nothing_is_left_after_the_deadline() -> None:
    deadline = Deadline(10.0, lambda: 12.0)

    assert deadline.remaining() == 0
    with pytest.raises(DeadlineExceeded):
        deadline.timeout(5)


def test_a_step_takes_what_is_configured_or_what_is_left() -> None:
    assert Deadline(10.0, lambda: 4.0).timeout(5) == 5
    assert Deadline(10.0, lambda: 4.0).timeout(50) == 6


def test_a_sooner_deadline_is_on_the_same_line() -> None:
    deadline = Deadline(10.0, lambda: 4.0)
    sooner, later = deadline.sooner(2), deadline.sooner(50)

    assert (sooner.at, later.at) == (6.0, 10.0)
    deadline.line.hung_up = True
    assert (deadline.remaining(), sooner.remaining(), later.remaining()) == (0, 0, 0)


def test_a_pause_ends_when_the_caller_hangs_up() -> None:
    deadline = Deadline.after(60)
    waiting = Thread(target=deadline.pause, args=(60,), daemon=True)

    waiting.start()
    deadline.line.hung_up = True
    waiting.join(5)

    assert not waiting.is_alive()


def test_a_pause_lasts_as_long_as_it_says() -> None:
    begun = monotonic()

    Deadline.after(60).pause(0.02)

    assert monotonic() - begun >= 0.02

"""Waiting for something no longer than a given time, whatever it hangs on."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from tenant_llm.domain.errors import ServiceUnavailable


def within[Result](seconds: float, work: Callable[[], Result]) -> Result:
    """What ``work`` returns or raises, if that comes in time; else it goes on alone, and nobody hears of its end.

    Time limits of AWS's SDK are a client's and not a call's, count for each attempt anew, and do not cover the look-up
    of a name.

    Raises:
        ServiceUnavailable: When the time is over.
    """
    return ended_within(seconds, begun(work))


def begun[Result](work: Callable[[], Result]) -> Future[Result]:
    """Work that goes on beside whoever began it."""
    ended: Future[Result] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 (handed to whoever waits)
            ended.set_exception(error)
        else:
            ended.set_result(result)

    Thread(target=run, name="within", daemon=True).start()
    return ended


def ended_within[Result](seconds: float, ended: Future[Result]) -> Result:
    """What work that was begun comes to; see ``within``."""
    try:
        return ended.result(seconds)
    except TimeoutError as error:
        raise ServiceUnavailable(f"storage did not answer within {seconds:.1f} s") from error

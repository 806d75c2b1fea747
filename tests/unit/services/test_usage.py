from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.transactions import ATTEMPTS, Contended
from tenant_llm.repositories.usage_ledger import UsageRepository
from tenant_llm.repositories.usage_queue import UsageQueue
from tenant_llm.services import usage
from tenant_llm.services.usage import UsageService
from tenant_llm.surface import entrypoint

_CONFIG = ModelConfig("acme", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://api.openai.com/v1", "gpt-4")


class Storage:
    """A ledger and a queue that fail as they are told, and what they were given."""

    def __init__(self, ledger: Exception | None = None, queue: Exception | None = None) -> None:
        self.failures = {"together": None, "ledger": ledger, "queue": queue}
        self.given: list[str] = []
        self.attempts = 0
        self.alone: set[str] = set()
        self.refused: set[str] = set()

    def settle(self, settlement: Settlement, *, attempts: int = ATTEMPTS) -> str:
        self.attempts = attempts
        self._take("ledger")
        if settlement.request_id in self.refused:
            raise ServiceUnavailable("x")
        return "counted"

    def settle_together(self, settlements: list[Settlement]) -> list[Settlement]:
        self._take("together")
        return [one for one in settlements if one.request_id in self.alone]

    def send(self, settlement: Settlement) -> None:
        self._take("queue")

    def _take(self, place: str) -> None:
        self.given.append(place)
        if failure := self.failures[place]:
            raise failure


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _service(storage: Any, *, queue: bool = True, clock: Callable[[], float] = monotonic) -> UsageService:
    resolution: Any = None
    ledger: UsageRepository = storage
    waiting: UsageQueue | None = storage if queue else None
    return UsageService(ledger, resolution, waiting, clock=clock)


def _settle(service: UsageService, seconds: float = 20) -> None:
    service.settle(Caller("acme", "r1", Deadline.after(seconds)), _CONFIG, Usage(3, 4))


def test_what_the_ledger_takes_goes_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    storage = Storage()

    _settle(_service(storage))

    assert storage.given == ["ledger"]
    assert caplog.records == []


@pytest.mark.parametrize("failure", [ServiceUnavailable("x"), ValueError("a fault of ours")])
def test_what_the_ledger_refuses_goes_to_the_queue(caplog: pytest.LogCaptureFixture, failure: Exception) -> None:
    storage = Storage(ledger=failure)

    _settle(_service(storage))

    assert storage.given == ["ledger", "queue"]
    assert [(record.levelname, record.message.split()[0]) for record in caplog.records] == [("WARNING", "queued")]


@pytest.mark.parametrize("failure", [ServiceUnavailable("x"), ValueError("a fault of ours")])
def test_what_both_refuse_is_logged_whole(caplog: pytest.LogCaptureFixture, failure: Exception) -> None:
    _settle(_service(Storage(ledger=ServiceUnavailable("y"), queue=failure)))

    (record,) = caplog.records
    assert (record.levelname, record.message.split()[0]) == ("ERROR", "unsettled")
    assert vars(record)["settlement"]["request_id"] == "r1"
    assert vars(record)["causes"] == ["ServiceUnavailable", type(failure).__name__]


def test_without_a_queue_a_refusal_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    storage = Storage(ledger=ServiceUnavailable("x"))

    _settle(_service(storage, queue=False))

    assert storage.given == ["ledger"]
    assert caplog.records[0].message.startswith("unsettled ")


@pytest.mark.parametrize(("left", "waits"), [(20, [2, 1]), (1.5, [1.5, 1]), (0.8, [0.8, 0.8]), (0, [0.5, 0.4])])
def test_storage_is_waited_for_as_long_as_the_call_has_time(
    monkeypatch: pytest.MonkeyPatch, left: float, waits: list[float]
) -> None:
    granted: list[float] = []

    def within(seconds: float, work: Callable[[], object]) -> object:
        granted.append(seconds)
        return work()

    monkeypatch.setattr(usage, "within", within)
    service = _service(Storage(ledger=ServiceUnavailable("x")))

    service.settle(Caller("acme", "r1", Deadline(left, lambda: 0.0)), _CONFIG, Usage(3, 4))

    assert granted == waits


def test_a_caller_who_has_hung_up_takes_no_time_from_his_settlement(monkeypatch: pytest.MonkeyPatch) -> None:
    granted: list[float] = []
    monkeypatch.setattr(usage, "within", lambda seconds, work: granted.append(seconds))
    deadline = Deadline(20, lambda: 0.0)
    deadline.line.hung_up = True

    _service(Storage()).settle(Caller("acme", "r1", deadline), _CONFIG, Usage(3, 4))

    assert granted == [2.0]


def test_when_no_time_is_left_both_have_room_in_what_the_entrypoint_keeps_back() -> None:
    assert usage._LEDGER_SECONDS[0] + usage._QUEUE_SECONDS[0] < entrypoint._RESERVE_SECONDS


def test_a_process_that_met_others_at_the_counters_goes_to_the_queue_for_a_while() -> None:
    storage, clock = Storage(ledger=Contended("x")), Clock()
    service = _service(storage, clock=clock)

    _settle(service)
    _settle(service)
    storage.failures["ledger"] = None
    clock.now += 0.4 * usage._CONTENDED_SECONDS
    _settle(service)
    clock.now += 1.2 * usage._CONTENDED_SECONDS
    _settle(service)

    assert storage.given == ["ledger", "queue", "queue", "queue", "ledger"]


def test_the_counters_of_one_model_say_nothing_of_anothers() -> None:
    storage = Storage(ledger=Contended("x"))
    service = _service(storage)

    _settle(service)
    service.settle(Caller("acme", "r1", Deadline.after(20)), replace(_CONFIG, llm_name="gpt-5"), Usage(3, 4))

    assert storage.given == ["ledger", "queue", "ledger", "queue"]


def test_what_the_queue_does_not_take_goes_to_the_ledger_after_all(caplog: pytest.LogCaptureFixture) -> None:
    storage = Storage(ledger=Contended("x"))
    service = _service(storage)
    _settle(service)
    storage.failures = {"ledger": None, "queue": ServiceUnavailable("y")}

    _settle(service)

    assert storage.given == ["ledger", "queue", "queue", "ledger"]
    assert [record.message.split()[0] for record in caplog.records] == ["queued"]


def test_a_caller_waits_for_fewer_attempts_where_there_is_a_queue() -> None:
    alone, queued = Storage(), Storage()

    _settle(_service(alone, queue=False))
    _settle(_service(queued))

    assert (alone.attempts, queued.attempts) == (ATTEMPTS, usage._CONTENDED_ATTEMPTS)


def test_what_there_is_no_time_for_is_told() -> None:
    settlements = [_settlement("a"), _settlement("b", "gpt-5"), _settlement("c", "gpt-6")]
    times = iter([True, True, True, False])

    errors = _service(Storage()).book_all(settlements, lambda: next(times, False))

    assert [type(error) for error in errors] == [type(None), TimeoutError, TimeoutError]


def test_what_is_booked_together_tells_of_each() -> None:
    storage = Storage()
    storage.alone = {"b", "c"}
    storage.refused = {"c"}
    settlements = [_settlement(name) for name in ("a", "b", "c")]

    errors = _service(storage).book_all(settlements)

    assert [type(error) for error in errors] == [type(None), type(None), ServiceUnavailable]
    assert storage.given == ["together", "ledger", "ledger"]


def _settlement(request_id: str, llm_name: str = "gpt-4") -> Settlement:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    return Settlement("acme", request_id, llm_name, "OpenAI", ModelType.CHAT, Usage(3, 4), at)

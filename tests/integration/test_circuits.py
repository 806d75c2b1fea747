"""A provider that is down is left alone: by the process that found out, by the others, and for one tenant alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import time
from typing import Any

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base

from local.aws import client_of
from tenant_llm import bootstrap
from tenant_llm.domain.errors import CircuitOpen, ProviderError, ProviderUnavailable, RateLimited
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import ModelConfig
from tenant_llm.services.circuits import Circuits, circuit
from tests.support.aws import Aws

_CONFIG = ModelConfig("acme", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://api.openai.com/v1", "gpt-4")


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    """The library counts failures in the process, by the circuit's name."""

    def forget() -> None:
        for memory in (base._LOCAL_FAILURES, base._LOCAL_SUCCESSES, base._LAST_OBSERVED_STATE):
            memory.clear()

    forget()
    yield
    forget()


def process() -> Circuits:
    """Circuits as another process has them: with memories of its own, over the same table."""
    bootstrap.circuit_store.cache_clear()
    store = bootstrap.circuit_store()
    return Circuits(lambda: store)


def down() -> str:
    error = ProviderUnavailable("the provider answered with status 503")
    error.outage = True
    raise error


def faulty() -> str:
    raise ProviderUnavailable("the provider answered with status 500")


def limited() -> str:
    raise RateLimited("slow down")


class Asked:
    """An attempt that counts how often it is made."""

    def __init__(self, attempt: Callable[[], str] = lambda: "answer") -> None:
        self.attempt = attempt
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return self.attempt()


def fail(circuits: Circuits, config: ModelConfig, attempt: Callable[[], str], times: int) -> list[type[Exception]]:
    seen: list[type[Exception]] = []
    for _ in range(times):
        with pytest.raises(ProviderError) as raised:
            circuits.guarded(config, attempt)
        seen.append(type(raised.value))
    return seen


@contextmanager
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time when a circuit that was opened just now may be tried again."""
    with monkeypatch.context() as patch:
        patch.setattr(base.CircuitBreakerHandler, "_now", staticmethod(lambda: int(time()) + 31))
        yield


def test_a_call_that_is_answered_opens_no_store_and_one_that_fails_does() -> None:
    opened: list[None] = []

    def store() -> Any:
        opened.append(None)
        raise OSError("no store")

    circuits = Circuits(store)

    assert [circuits.guarded(_CONFIG, Asked()) for _ in range(3)] == ["answer"] * 3
    assert opened == []
    with pytest.raises(OSError, match="no store"):
        circuits.guarded(_CONFIG, down)


def test_after_five_failures_in_a_row_the_provider_is_not_asked(bundle: Aws) -> None:
    circuits, attempt = process(), Asked(down)

    assert fail(circuits, _CONFIG, attempt, 5) == [ProviderUnavailable] * 5
    assert fail(circuits, _CONFIG, attempt, 3) == [CircuitOpen] * 3
    assert attempt.times == 5


def test_the_caller_is_told_when_to_come_again(bundle: Aws) -> None:
    circuits = process()
    fail(circuits, _CONFIG, down, 5)

    with pytest.raises(CircuitOpen, match=r"api\.openai\.com") as raised:
        circuits.guarded(_CONFIG, down)

    assert (raised.value.status, raised.value.code, raised.value.retryable) == (503, "provider_circuit_open", True)
    assert 25 < (raised.value.retry_after or 0) <= 30


def test_another_process_learns_of_it_by_its_first_failure(bundle: Aws) -> None:
    fail(process(), _CONFIG, down, 5)
    base._LOCAL_FAILURES.clear()
    other, attempt = process(), Asked(down)

    assert fail(other, _CONFIG, attempt, 2) == [CircuitOpen] * 2
    assert attempt.times == 1


def test_one_good_answer_after_half_a_minute_closes_it_for_all(bundle: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    circuits = process()
    fail(circuits, _CONFIG, down, 5)
    with later(monkeypatch):
        assert circuits.guarded(_CONFIG, Asked()) == "answer"
    (item,) = client_of(bundle.env, "dynamodb").scan(TableName=bundle.settings.usage_table)["Items"]
    assert item["state"] == {"S": "CLOSED"}
    base._LAST_OBSERVED_STATE.clear()
    assert fail(process(), _CONFIG, down, 4) == [ProviderUnavailable] * 4


def test_a_failed_try_opens_it_again(bundle: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    circuits = process()
    fail(circuits, _CONFIG, down, 5)
    with later(monkeypatch):
        assert fail(circuits, _CONFIG, down, 1) == [ProviderUnavailable]

    assert fail(circuits, _CONFIG, down, 1) == [CircuitOpen]


@pytest.mark.parametrize("attempt", [faulty, limited])
def test_what_one_request_can_bring_about_opens_no_circuit_that_tenants_share(
    bundle: Aws, attempt: Callable[[], str]
) -> None:
    circuits = process()
    fail(circuits, _CONFIG, attempt, 10)

    assert circuits.guarded(replace(_CONFIG, tenant_id="other"), Asked()) == "answer"
    assert fail(circuits, _CONFIG, attempt, 1) != [CircuitOpen]


def test_at_a_tenants_own_url_every_failure_counts_and_for_that_tenant_alone(bundle: Aws) -> None:
    circuits = process()
    own = replace(_CONFIG, own_url=True)
    fail(circuits, own, faulty, 5)

    assert fail(circuits, own, faulty, 1) == [CircuitOpen]
    assert circuits.guarded(replace(own, tenant_id="other"), Asked()) == "answer"
    assert circuits.guarded(_CONFIG, Asked()) == "answer"


def test_a_circuit_is_one_model_at_one_endpoint() -> None:
    others = [
        replace(_CONFIG, wire_name="gpt-5"),
        replace(_CONFIG, base_url="https://eu.api.openai.com/v1"),
        replace(_CONFIG, model_type=ModelType.EMBEDDING),
        replace(_CONFIG, own_url=True),
    ]

    assert len({circuit(config) for config in [_CONFIG, *others]}) == 5
    assert circuit(replace(_CONFIG, tenant_id="other")) == circuit(_CONFIG)


def test_where_the_store_fails_calls_pass(bundle: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    circuits = process()

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no storage")

    for method in ("_get_record", "_put_record", "_update_record"):
        monkeypatch.setattr(type(bootstrap.circuit_store()), method, refuse)

    assert set(fail(circuits, _CONFIG, down, 12)) == {ProviderUnavailable}
    assert circuits.guarded(_CONFIG, Asked()) == "answer"


def test_the_items_expire_and_stand_where_no_tenant_can(bundle: Aws) -> None:
    fail(process(), _CONFIG, down, 5)

    (item,) = client_of(bundle.env, "dynamodb").scan(TableName=bundle.settings.usage_table)["Items"]
    assert item["tenant_id"] == {"S": "#circuits"}
    assert item["entry"] == {"S": circuit(_CONFIG)}
    assert time() < int(item["expires_at"]["N"]) < time() + 86_400

"""Many writers at once, against an AWS whose transactions are atomic."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.errors import Conflict
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage, Settlement
from tenant_llm.domain.tenant import Tenant, TenantModel
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.budgets import BudgetRepository
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.repositories.usage_ledger import UsageRepository
from tests.support.aws import Aws, forget_everything
from tests.support.faults import Fault, LostAnswer, Proxy, cancellation, faulty_proxy, refusal

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADDRESS = "gpt-4@OpenAI"
CALL = Settlement("acme", "", "gpt-4", "OpenAI", ModelType.CHAT, Usage(3, 4, native={"seconds": 0.1}), AT, row=ADDRESS)
CALLS = 200
REPEATS = 3


@pytest.fixture
def models(ministack: Aws) -> TenantLLMRepository:
    models = TenantLLMRepository(ministack.settings)
    models.put(TenantModel("acme", "gpt-4", "OpenAI", ModelType.CHAT))
    return models


@pytest.fixture
def proxy(ministack: Aws, models: TenantLLMRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with faulty_proxy(ministack.env["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        forget_everything()
        yield proxy


def shuffled_calls() -> list[Settlement]:
    calls = [replace(CALL, request_id=str(number % CALLS)) for number in range(CALLS * REPEATS)]
    Random(1).shuffle(calls)
    return calls


def test_concurrent_calls_and_their_repeats_are_counted_exactly(ministack: Aws, models: TenantLLMRepository) -> None:
    ledger = UsageRepository(ministack.settings)

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(ledger.settle, shuffled_calls()))

    model = models.find("acme", ADDRESS)
    assert outcomes == {"counted": CALLS, "repeated": CALLS * (REPEATS - 1)}
    assert model is not None
    assert model.used_tokens == CALLS * 7
    assert ledger.days("acme", AT.date(), AT.date()) == [
        DayUsage(AT.date(), "gpt-4", "OpenAI", CALLS, CALLS * 3, CALLS * 4, native={"seconds": 20})
    ]


def test_calls_are_counted_exactly_while_aws_fails(ministack: Aws, models: TenantLLMRepository, proxy: Proxy) -> None:
    faults: list[Fault] = [
        LostAnswer(),
        refusal("InternalServerError", 500),
        refusal("ThrottlingException"),
        cancellation("TransactionConflict", None, None),
    ]
    proxy.plan("TransactWriteItems", faults * 5)
    ledger = UsageRepository(ministack.settings)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ledger.settle, shuffled_calls()))

    model = models.find("acme", ADDRESS)
    assert len(outcomes) == CALLS * REPEATS
    assert proxy.planned["TransactWriteItems"] == []
    assert model is not None
    assert model.used_tokens == CALLS * 7
    assert ledger.days("acme", AT.date(), AT.date())[0].calls == CALLS


def test_a_lost_answer_is_known_by_its_token(ministack: Aws, models: TenantLLMRepository, proxy: Proxy) -> None:
    proxy.plan("TransactWriteItems", [LostAnswer()])
    ledger = UsageRepository(ministack.settings)

    outcomes = [ledger.settle(replace(CALL, request_id="r")), ledger.settle(replace(CALL, request_id="r"))]

    assert outcomes == ["counted", "repeated"]


def test_rows_that_come_and_go_while_calls_are_counted_lose_no_tokens_of_the_day(
    ministack: Aws, models: TenantLLMRepository
) -> None:
    ledger = UsageRepository(ministack.settings)

    def come_and_go(_: int) -> None:
        models.delete("acme", ADDRESS)
        models.put(TenantModel("acme", "gpt-4", "OpenAI", ModelType.CHAT))

    with ThreadPoolExecutor(8) as pool:
        going = pool.map(come_and_go, range(20))
        outcomes = Counter(pool.map(ledger.settle, shuffled_calls()))
        assert len(list(going)) == 20

    assert outcomes["counted"] == CALLS
    assert ledger.days("acme", AT.date(), AT.date())[0].calls == CALLS


def test_concurrent_writers_of_one_tenants_keys_lose_none(ministack: Aws) -> None:
    tenants = TenantRepository(ministack.settings)
    tenants.create(Tenant("acme"))
    store = SecretStore(ministack.settings, tenants)
    places = [f"Factory-{number}" for number in range(12)]

    def write(place: str) -> bool:
        store.put("acme", place, {"api_key": f"key-of-{place}"})
        if place.endswith(("3", "7")):
            store.remove("acme", place)
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        kept = dict(zip(places, pool.map(lambda place: until_done(write, place), places), strict=True))

    tenant = tenants.find("acme")
    assert tenant is not None
    assert tenant.credentials.keys() == {place for place, stays in kept.items() if stays}
    for place, stays in kept.items():
        credential = store.at("acme", place)
        assert (credential.fields if credential else None) == ({"api_key": f"key-of-{place}"} if stays else None)


def until_done(write: Callable[[str], bool], place: str) -> bool:
    """As an operator would: repeat what lost against others."""
    while True:
        try:
            return write(place)
        except Conflict:
            continue


def test_writers_of_one_place_end_with_a_claim_of_the_key_that_is_there(ministack: Aws) -> None:
    tenants = TenantRepository(ministack.settings)
    tenants.create(Tenant("acme"))
    store = SecretStore(ministack.settings, tenants)

    def write(number: int) -> None:
        if number % 3:
            store.put("acme", "OpenAI", {"api_key": f"key-0123456789-{number:04}"})
        else:
            store.remove("acme", "OpenAI")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(24)))

    tenant = tenants.find("acme")
    credential = store.at("acme", "OpenAI")
    assert tenant is not None
    expected = {"OpenAI": "****" + credential.get("api_key")[-4:]} if credential else {}
    assert tenant.credentials == expected


DAY = "budget#2026-05-01#tenant"
MONTH = "budget#2026-05#gpt-4@OpenAI"
LIMITS = {DAY: 1000, MONTH: 950}
ENDS_AT = AT + timedelta(minutes=1)


def committed(budgets: BudgetRepository) -> tuple[int, int]:
    found = budgets.committed("acme", [DAY, MONTH])
    return found[DAY], found[MONTH]


def test_concurrent_calls_reserve_no_more_than_a_budget_has_and_pass_it_by_their_own_error_alone(
    ministack: Aws, models: TenantLLMRepository
) -> None:
    budgets, ledger = BudgetRepository(ministack.settings), UsageRepository(ministack.settings)
    chance = Random(2)
    expected = [chance.randint(10, 90) for _ in range(50)]
    used = [chance.randint(0, 120) for _ in range(50)]

    def reserve(number: int) -> Reservation | dict[str, int]:
        return budgets.reserve("acme", str(number), expected[number], LIMITS, ENDS_AT)

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(reserve, range(50)))
        admitted = {number: one for number, one in enumerate(outcomes) if isinstance(one, Reservation)}
        held = sum(expected[number] for number in admitted)

        assert committed(budgets) == (held, held)
        assert 950 - 90 < held <= 950
        assert 0 < len(admitted) < 50

        list(pool.map(lambda number: ledger.settle(settlement(number, used[number], admitted[number])), admitted))

    total = sum(used[number] for number in admitted)
    over = sum(max(0, used[number] - expected[number]) for number in admitted)
    assert committed(budgets) == (total, total)
    assert total <= 950 + over


def test_calls_that_reserve_repeat_crash_and_settle_at_once_leave_what_they_used(
    ministack: Aws, models: TenantLLMRepository, proxy: Proxy
) -> None:
    faults: list[Fault] = [LostAnswer(), refusal("InternalServerError", 500), refusal("ThrottlingException")]
    proxy.plan("TransactWriteItems", faults * 5)
    budgets, ledger = BudgetRepository(ministack.settings), UsageRepository(ministack.settings)
    late = ENDS_AT + timedelta(seconds=1)

    def attempt(job: int) -> None:
        number, kind = job % 40, job // 40 % 4
        reservation = budgets.reserve("acme", str(number), 50, {DAY: None, MONTH: None}, ENDS_AT)
        assert isinstance(reservation, Reservation)
        if kind == 0:
            budgets.release("acme", str(number), reservation)
        elif kind == 1:
            budgets.release_ended("acme", late)
        else:  # of a settlement that comes twice the one is as good as the other
            ledger.settle(settlement(number, number, reservation))

    jobs = list(range(160))
    Random(3).shuffle(jobs)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, jobs))
    budgets.release_ended("acme", late)

    assert proxy.planned["TransactWriteItems"] == []
    assert committed(budgets) == (sum(range(40)), sum(range(40)))


def settlement(number: int, used: int, reservation: Reservation) -> Settlement:
    return replace(CALL, request_id=str(number), usage=Usage(used), reservation=reservation)

"""Reservations and their settlement in the Usage table."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.budgets import BudgetRepository, ReservationItem
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.repositories.usage_ledger import UsageRepository
from tests.support.aws import Aws, recorded
from tests.support.faults import LostAnswer, Proxy, cancellation, refusal

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
ENDS_AT = AT + timedelta(minutes=1)
DAY = "budget#2026-11-24#tenant"
MONTH = "budget#2026-11#gpt-4@OpenAI"
CALL = Settlement("acme", "r1", "gpt-4", "OpenAI", ModelType.CHAT, Usage(30, 40), AT, row="gpt-4@OpenAI")
TRANSACT = "TransactWriteItems"


@pytest.fixture
def budgets(aws: Aws) -> BudgetRepository:
    TenantLLMRepository(aws.settings).put(TenantModel("acme", "gpt-4", "OpenAI", ModelType.CHAT))
    return BudgetRepository(aws.settings, sleep=lambda _: None)


@pytest.fixture
def ledger(aws: Aws) -> UsageRepository:
    return UsageRepository(aws.settings, sleep=lambda _: None)


def reserve(
    budgets: BudgetRepository,
    tokens: int = 100,
    request_id: str = "r1",
    limits: Mapping[str, int | None] | None = None,
    ends_at: datetime = ENDS_AT,
) -> Reservation | dict[str, int]:
    return budgets.reserve("acme", request_id, tokens, limits or {DAY: 1000, MONTH: None}, ends_at)


def reserved(budgets: BudgetRepository, tokens: int = 100, request_id: str = "r1") -> Reservation:
    reservation = reserve(budgets, tokens, request_id)
    assert isinstance(reservation, Reservation)
    return reservation


def committed(budgets: BudgetRepository) -> tuple[int, int]:
    found = budgets.committed("acme", [DAY, MONTH])
    return found[DAY], found[MONTH]


def test_a_reservation_holds_tokens_of_every_counter_by_one_transaction(budgets: BudgetRepository) -> None:
    with recorded() as calls:
        reservation = reserve(budgets)

    assert reservation == Reservation((DAY, MONTH), {DAY: 100, MONTH: 100})
    assert committed(budgets) == (100, 100)
    assert [name for name, _ in calls] == [TRANSACT]


def test_a_counter_fills_to_its_limit_and_not_beyond(budgets: BudgetRepository) -> None:
    outcomes = [reserve(budgets, 400, request_id) for request_id in ("1", "2", "3")]
    last = reserve(budgets, 200, "4")

    assert outcomes[2] == {DAY: 800}
    assert isinstance(last, Reservation)
    assert committed(budgets) == (1000, 1000)


def test_where_one_counter_is_full_none_is_held(budgets: BudgetRepository) -> None:
    reserve(budgets, 400, "other", {MONTH: None})

    outcome = reserve(budgets, 100, limits={DAY: 1000, MONTH: 499})

    assert outcome == {MONTH: 400}
    assert committed(budgets) == (0, 400)


def test_a_settlement_charges_what_was_used_instead_of_what_was_held(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    reservation = reserved(budgets)

    with recorded() as calls:
        outcome = ledger.settle(replace(CALL, reservation=reservation))

    assert outcome == "counted"
    assert committed(budgets) == (70, 70)
    assert [name for name, _ in calls] == [TRANSACT]
    assert budgets.release_ended("acme", datetime.max.replace(tzinfo=UTC)) == 0


def test_a_call_may_use_more_than_it_held(budgets: BudgetRepository, ledger: UsageRepository) -> None:
    ledger.settle(replace(CALL, usage=Usage(5000), reservation=reserved(budgets)))

    assert committed(budgets) == (5000, 5000)
    assert reserve(budgets, 1, "next") == {DAY: 5000}


def test_a_settlement_without_a_reservation_is_charged_in_full(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    ledger.settle(replace(CALL, reservation=Reservation((DAY, MONTH))))

    assert committed(budgets) == (70, 70)


def test_a_repeated_settlement_is_charged_once(budgets: BudgetRepository, ledger: UsageRepository) -> None:
    settlement = replace(CALL, reservation=reserved(budgets))

    outcomes = [ledger.settle(settlement), ledger.settle(settlement)]

    assert outcomes == ["counted", "repeated"]
    assert committed(budgets) == (70, 70)


def test_a_row_that_is_gone_does_not_lose_the_charge(
    aws: Aws, budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    settlement = replace(CALL, reservation=reserved(budgets))
    TenantLLMRepository(aws.settings).delete("acme", "gpt-4@OpenAI")

    assert ledger.settle(settlement) == "counted"
    assert committed(budgets) == (70, 70)


def test_a_row_and_a_reservation_that_are_both_gone_do_not_lose_the_charge(
    aws: Aws, budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    reservation = reserved(budgets)
    TenantLLMRepository(aws.settings).delete("acme", "gpt-4@OpenAI")
    budgets.release("acme", "r1", reservation)

    assert ledger.settle(replace(CALL, reservation=reservation)) == "counted"
    assert committed(budgets) == (70, 70)


def test_a_failed_call_gives_back_what_it_held_once(budgets: BudgetRepository) -> None:
    reservation = reserved(budgets)

    released = [budgets.release("acme", "r1", reservation), budgets.release("acme", "r1", reservation)]

    assert released == [True, False]
    assert committed(budgets) == (0, 0)


def test_after_a_crash_the_reservation_ends_and_the_budget_is_free_again(budgets: BudgetRepository) -> None:
    reserve(budgets, 1000, "crashed")

    full = reserve(budgets, 1000, "next")
    too_early = budgets.release_ended("acme", ENDS_AT)
    in_time = budgets.release_ended("acme", ENDS_AT + timedelta(seconds=1))

    assert (full, too_early, in_time) == ({DAY: 1000}, 0, 1)
    assert committed(budgets) == (0, 0)
    assert isinstance(reserve(budgets, 1000, "next"), Reservation)


def test_a_reservation_that_a_retry_prolongs_meanwhile_is_not_given_back(
    budgets: BudgetRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve(budgets, 1000)
    release = budgets._release

    def meanwhile(item: ReservationItem, ended_by: datetime | None = None) -> bool:
        reserve(budgets, 1000, ends_at=ENDS_AT + timedelta(minutes=5))
        return release(item, ended_by)

    monkeypatch.setattr(budgets, "_release", meanwhile)

    budgets.release_ended("acme", ENDS_AT + timedelta(seconds=1))

    assert committed(budgets) == (1000, 1000)


def test_a_settlement_after_its_reservation_ended_is_charged_in_full(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    settlement = replace(CALL, reservation=reserved(budgets))
    budgets.release_ended("acme", ENDS_AT + timedelta(seconds=1))

    assert ledger.settle(settlement) == "counted"
    assert committed(budgets) == (70, 70)


def test_a_retry_takes_over_what_is_held_and_prolongs_it(budgets: BudgetRepository, ledger: UsageRepository) -> None:
    first = reserved(budgets)
    later = ENDS_AT + timedelta(minutes=5)

    second = reserve(budgets, ends_at=later)

    assert second == first
    assert committed(budgets) == (100, 100)
    assert budgets.release_ended("acme", ENDS_AT + timedelta(seconds=1)) == 0
    assert ledger.settle(replace(CALL, reservation=first)) == "counted"
    assert ledger.settle(replace(CALL, reservation=second)) == "repeated"
    assert committed(budgets) == (70, 70)


def test_a_retry_with_other_budgets_is_charged_to_the_old_ones_and_the_new(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    budgets.reserve("acme", "r1", 100, {DAY: 1000}, ENDS_AT)

    second = budgets.reserve("acme", "r1", 300, {MONTH: 1000}, ENDS_AT)

    assert second == Reservation((MONTH, DAY), {DAY: 100})
    assert ledger.settle(replace(CALL, reservation=second)) == "counted"
    assert committed(budgets) == (70, 70)


def test_a_settlement_gives_back_what_is_held_by_now_and_not_what_it_thinks(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    first = reserved(budgets, 100)
    budgets.release("acme", "r1", first)
    reserve(budgets, 300)

    assert ledger.settle(replace(CALL, reservation=first)) == "counted"
    assert committed(budgets) == (70, 70)
    assert budgets.release_ended("acme", datetime.max.replace(tzinfo=UTC)) == 0


def test_a_call_that_is_settled_reserves_nothing_when_it_is_repeated(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    ledger.settle(replace(CALL, reservation=reserved(budgets)))

    again = reserve(budgets, 1000)

    assert again == Reservation((DAY, MONTH))
    assert committed(budgets) == (70, 70)


def test_one_tenants_budgets_are_not_anothers(budgets: BudgetRepository) -> None:
    reserve(budgets, 1000)

    assert isinstance(budgets.reserve("other", "r1", 1000, {DAY: 1000}, ENDS_AT), Reservation)
    assert budgets.release_ended("third", datetime.max.replace(tzinfo=UTC)) == 0


def test_request_ids_may_be_longer_than_a_key(budgets: BudgetRepository, ledger: UsageRepository) -> None:
    long = "x" * 5000

    ledger.settle(replace(CALL, request_id=long, reservation=reserved(budgets, 100, long)))

    assert committed(budgets) == (70, 70)
    assert reserved(budgets, 100, long).held == {}


def test_an_answer_that_is_lost_changes_no_sum(
    aws: Aws, budgets: BudgetRepository, ledger: UsageRepository, proxy: Proxy
) -> None:
    through_proxy, its_ledger = BudgetRepository(aws.settings), UsageRepository(aws.settings)
    proxy.plan(TRANSACT, [LostAnswer()])
    reservation = reserved(through_proxy)
    assert committed(budgets) == (100, 100)

    proxy.plan(TRANSACT, [LostAnswer()])
    its_ledger.settle(replace(CALL, reservation=reservation))
    assert committed(budgets) == (70, 70)

    other = reserved(through_proxy, 100, "r2")
    proxy.plan(TRANSACT, [LostAnswer()])
    through_proxy.release("acme", "r2", other)
    assert committed(budgets) == (70, 70)


def test_transactions_that_others_cancelled_are_tried_again_and_given_up_in_the_end(aws: Aws, proxy: Proxy) -> None:
    budgets = BudgetRepository(aws.settings, sleep=lambda _: None)
    conflict = cancellation(None, None, "TransactionConflict", None)
    proxy.plan(TRANSACT, [conflict])
    assert isinstance(reserve(budgets), Reservation)

    proxy.plan(TRANSACT, [conflict] * 8)
    with pytest.raises(ServiceUnavailable, match="cancelled by others"):
        reserve(budgets, request_id="r2")


def test_a_reservation_that_comes_and_goes_is_given_up_in_the_end(aws: Aws, proxy: Proxy) -> None:
    budgets = BudgetRepository(aws.settings, sleep=lambda _: None)
    proxy.plan(TRANSACT, [cancellation(None, "ConditionalCheckFailed", None, None)] * 8)

    with pytest.raises(ServiceUnavailable, match="came and went"):
        reserve(budgets)


def test_what_cannot_be_understood_is_no_full_budget(aws: Aws, proxy: Proxy) -> None:
    proxy.plan(TRANSACT, [refusal("AccessDeniedException")])

    with pytest.raises(ServiceUnavailable, match="AccessDenied"):
        reserve(BudgetRepository(aws.settings))


def test_a_reservation_outlives_its_end_in_the_table_as_only_a_condition_may_end_it(budgets: BudgetRepository) -> None:
    with recorded() as calls:
        reserve(budgets)

    items = calls[0][1]["TransactItems"]
    assert items[1]["Put"]["Item"]["ends_at"] == {"S": "2026-11-24T12:01:00.000000+0000"}
    expires_at = int(items[1]["Put"]["Item"]["expires_at"]["N"])
    assert expires_at > datetime(2027, 1, 31, tzinfo=UTC).timestamp()  # SQS keeps a settlement for 14 days at most
    assert {"N": str(expires_at)} in items[2]["Update"]["ExpressionAttributeValues"].values()


def test_a_correction_charges_the_difference(budgets: BudgetRepository, ledger: UsageRepository) -> None:
    first = reserved(budgets)
    ledger.settle(replace(CALL, usage=Usage(5, 6, estimated=True), status="client_disconnected", reservation=first))
    again = reserved(budgets)

    assert ledger.settle(replace(CALL, reservation=again)) == "corrected"

    assert committed(budgets) == (70, 70)


def test_calls_that_are_settled_together_give_back_what_each_holds(
    budgets: BudgetRepository, ledger: UsageRepository
) -> None:
    calls = [
        replace(CALL, request_id=f"r{number}", reservation=reserved(budgets, 50, f"r{number}")) for number in range(10)
    ]
    taken = replace(calls[3], reservation=Reservation((DAY, MONTH)))
    ended = replace(calls[5], reservation=Reservation((DAY, MONTH), {DAY: 1}))
    calls[3], calls[5] = taken, ended
    ledger.settle(replace(CALL, request_id="r7"))

    alone = ledger.settle_together(calls)

    assert [call.request_id for call in alone] == ["r3", "r5", "r7"]
    assert [ledger.settle(call) for call in alone] == ["counted", "counted", "repeated"]
    # r7 was booked elsewhere, and so without its reservation: that ends by itself.
    assert committed(budgets) == (9 * 70 + 50, 9 * 70 + 50)
    assert budgets.release_ended("acme", ENDS_AT + timedelta(minutes=1)) == 1
    assert committed(budgets) == (9 * 70, 9 * 70)

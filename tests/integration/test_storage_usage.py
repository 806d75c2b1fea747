from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus, DayUsage, Settlement
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.tables import connection
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.repositories.usage_ledger import UsageRepository
from tests.support.aws import Aws, forget_everything, recorded
from tests.support.faults import Fault, LostAnswer, Proxy, cancellation, refusal

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = AT.date()
CALL = Settlement("acme", "r1", "gpt-4", "OpenAI", ModelType.CHAT, Usage(3, 4), AT, row="gpt-4@OpenAI")
TRANSACT = "TransactWriteItems"


@pytest.fixture
def models(aws: Aws) -> TenantLLMRepository:
    models = TenantLLMRepository(aws.settings)
    models.put(TenantModel("acme", "gpt-4", "OpenAI", ModelType.CHAT))
    return models


@pytest.fixture
def ledger(aws: Aws, models: TenantLLMRepository) -> UsageRepository:
    return UsageRepository(aws.settings, sleep=lambda _: None)


def used(models: TenantLLMRepository) -> int:
    model = models.find("acme", "gpt-4@OpenAI")
    assert model is not None
    return model.used_tokens


def test_a_call_is_counted_in_the_row_and_in_the_day(ledger: UsageRepository, models: TenantLLMRepository) -> None:
    usage = Usage(30, 4, cached_tokens=20, cache_write_tokens=5, reasoning_tokens=3)

    outcome = ledger.settle(replace(CALL, usage=usage))

    assert outcome == "counted"
    assert used(models) == 34
    assert ledger.days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 30, 4, 20, 5, 3)]


def test_a_call_is_settled_by_one_transaction(ledger: UsageRepository) -> None:
    with recorded() as calls:
        ledger.settle(CALL)

    assert [name for name, _ in calls] == [TRANSACT]


@pytest.mark.parametrize("status", ["client_disconnected", "interrupted"])
def test_a_call_that_broke_off_is_corrected_by_a_repeat_that_does_not(
    ledger: UsageRepository, models: TenantLLMRepository, status: CallStatus
) -> None:
    broken = replace(CALL, usage=Usage(9, 2, native={"seconds": 0.5}, estimated=True), status=status)
    whole = replace(CALL, usage=Usage(30, 4, 20, native={"seconds": 1.2}), at=AT + timedelta(days=1))

    outcomes = [ledger.settle(broken), ledger.settle(whole), ledger.settle(whole), ledger.settle(broken)]

    assert outcomes == ["counted", "corrected", "repeated", "repeated"]
    assert used(models) == 34
    expected = DayUsage(DAY, "gpt-4", "OpenAI", 1, input_tokens=30, output_tokens=4, cached_tokens=20)
    (day,) = ledger.days("acme", DAY, DAY + timedelta(days=1))
    assert day == replace(expected, native={"seconds": 1.2})
    assert day.by_type[ModelType.CHAT] == replace(expected, native={"seconds": 1.2})


@pytest.mark.parametrize("later", [{"status": "interrupted"}, {"llm_name": "gpt-5"}, {"model_type": ModelType.TTS}])
def test_what_broke_off_is_corrected_by_the_same_call_alone(
    ledger: UsageRepository, models: TenantLLMRepository, later: dict[str, Any]
) -> None:
    ledger.settle(replace(CALL, usage=Usage(9, 2, estimated=True), status="client_disconnected"))

    assert ledger.settle(replace(CALL, **later)) == "repeated"

    assert used(models) == 11


def test_a_correction_is_counted_where_the_row_is_gone(ledger: UsageRepository, models: TenantLLMRepository) -> None:
    ledger.settle(replace(CALL, usage=Usage(9, 2, estimated=True), status="interrupted"))
    models.delete("acme", "gpt-4@OpenAI")

    assert [ledger.settle(CALL), ledger.settle(CALL)] == ["corrected", "repeated"]

    (day,) = ledger.days("acme", DAY, DAY)
    assert (day.calls, day.errors, day.total_tokens, day.estimated_tokens) == (1, 0, CALL.usage.total_tokens, 0)


def test_calls_of_a_row_that_is_gone_are_not_settled_together(
    ledger: UsageRepository, models: TenantLLMRepository
) -> None:
    calls = [replace(CALL, request_id=f"r{number}") for number in range(3)]
    models.delete("acme", "gpt-4@OpenAI")

    assert ledger.settle_together(calls) == calls

    assert ledger.days("acme", DAY, DAY) == []
    assert [ledger.settle(call) for call in calls] == ["counted"] * 3


def test_a_correction_that_changes_no_count_is_noted(ledger: UsageRepository, models: TenantLLMRepository) -> None:
    ledger.settle(replace(CALL, status="client_disconnected"))

    assert [ledger.settle(CALL), ledger.settle(CALL)] == ["corrected", "repeated"]

    assert used(models) == CALL.usage.total_tokens


def test_a_repeat_counts_nothing_whatever_it_says(ledger: UsageRepository, models: TenantLLMRepository) -> None:
    ledger.settle(CALL)

    outcomes = [ledger.settle(CALL), ledger.settle(replace(CALL, usage=Usage(100), at=AT + timedelta(days=1)))]

    assert outcomes == ["repeated", "repeated"]
    assert used(models) == 7
    assert ledger.days("acme", DAY, DAY + timedelta(days=2)) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4)]


def test_request_ids_are_the_tenants_own(ledger: UsageRepository) -> None:
    outcomes = [ledger.settle(CALL), ledger.settle(replace(CALL, tenant_id="other"))]

    assert outcomes == ["counted", "counted"]


def test_a_row_that_is_gone_does_not_lose_the_tokens_nor_come_back(
    ledger: UsageRepository, models: TenantLLMRepository
) -> None:
    models.delete("acme", "gpt-4@OpenAI")

    outcomes = [ledger.settle(CALL), ledger.settle(CALL)]

    assert outcomes == ["counted", "repeated"]
    assert models.find("acme", "gpt-4@OpenAI") is None
    assert ledger.days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4)]


def test_a_call_counted_before_its_row_went_is_not_counted_again(
    ledger: UsageRepository, models: TenantLLMRepository
) -> None:
    ledger.settle(CALL)
    models.delete("acme", "gpt-4@OpenAI")

    assert ledger.settle(CALL) == "repeated"
    assert ledger.days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4)]


@pytest.mark.parametrize("row", ["other@OpenAI", None])
def test_where_a_row_is_required_nothing_is_written_without_one(ledger: UsageRepository, row: str | None) -> None:
    outcome = ledger.settle(replace(CALL, row=row), require_row=True)

    assert outcome == "no_row"
    assert ledger.days("acme", DAY, DAY) == []
    assert ledger.settle(CALL, require_row=True) == "counted"


def test_a_builtin_model_is_counted_in_the_day_alone(ledger: UsageRepository, models: TenantLLMRepository) -> None:
    outcome = ledger.settle(replace(CALL, row=None, llm_factory="Builtin"))

    assert outcome == "counted"
    assert used(models) == 0
    assert ledger.days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "Builtin", 1, 3, 4)]


def test_a_call_without_tokens_is_still_a_call(ledger: UsageRepository) -> None:
    ledger.settle(replace(CALL, usage=Usage()))

    assert ledger.days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", calls=1)]


def test_estimated_tokens_are_told_apart(ledger: UsageRepository) -> None:
    ledger.settle(CALL)
    ledger.settle(replace(CALL, request_id="r2", usage=Usage(10, 20, estimated=True)))

    [day] = ledger.days("acme", DAY, DAY)
    assert (day.total_tokens, day.estimated_tokens) == (37, 30)


def test_sums_of_fractions_are_exact(ledger: UsageRepository) -> None:
    for number in range(10):
        usage = Usage(native={"seconds": 0.1, "search_units": 1})
        ledger.settle(replace(CALL, request_id=str(number), usage=usage))

    [day] = ledger.days("acme", DAY, DAY)
    assert day.native == {"search_units": 10, "seconds": 1}


def test_sums_of_tokens_beyond_a_float_s_precision_are_exact(
    ledger: UsageRepository, models: TenantLLMRepository
) -> None:
    ledger.settle(replace(CALL, usage=Usage(2**60)))
    ledger.settle(replace(CALL, request_id="r2", usage=Usage(1)))

    assert used(models) == 2**60 + 1
    assert ledger.days("acme", DAY, DAY)[0].input_tokens == 2**60 + 1


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1e200])
def test_an_amount_that_is_none_does_not_lose_the_call(ledger: UsageRepository, amount: float) -> None:
    usage = Usage(3, 4, native={"seconds": amount, "pages": 2})

    assert ledger.settle(replace(CALL, usage=usage)) == "counted"
    assert ledger.days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4, native={"pages": 2})]


def test_a_day_is_utc_s_and_both_dates_are_included(ledger: UsageRepository) -> None:
    late_in_new_york = datetime(2026, 4, 30, 21, tzinfo=timezone(timedelta(hours=-4)))
    times = [late_in_new_york, AT + timedelta(days=1), AT + timedelta(days=2)]
    for number, at in enumerate(times):
        ledger.settle(replace(CALL, request_id=str(number), at=at))

    assert [day.day for day in ledger.days("acme", DAY, DAY + timedelta(days=1))] == [
        date(2026, 5, 1),
        date(2026, 5, 2),
    ]
    assert [day.day for day in ledger.days("acme", date(2026, 5, 2), date.max)] == [date(2026, 5, 2), date(2026, 5, 3)]
    assert ledger.days("acme", date.min, date(2026, 4, 30)) == []


def test_days_are_told_by_model_and_of_the_tenant_alone(ledger: UsageRepository) -> None:
    ledger.settle(replace(CALL, request_id="1", llm_name="a@b#c", llm_factory="LM-Studio"))
    ledger.settle(replace(CALL, request_id="2"))
    ledger.settle(replace(CALL, tenant_id="other"))

    assert [day.address for day in ledger.days("acme", DAY, DAY)] == ["a@b#c@LM-Studio", "gpt-4@OpenAI"]


def test_a_day_tells_its_counts_by_type(ledger: UsageRepository) -> None:
    usage = Usage(10, 20, 5, 1, 2, native={"seconds": 0.1, "pages": 2}, estimated=True)
    ledger.settle(CALL)
    for number in range(3):
        ledger.settle(
            replace(CALL, request_id=str(number), model_type=ModelType.IMAGE2TEXT, usage=usage, status="interrupted")
        )

    (day,) = ledger.days("acme", DAY, DAY)

    assert (day.calls, day.errors, day.input_tokens, day.estimated_tokens) == (4, 3, 33, 90)
    sees = replace(day, calls=3, input_tokens=30, output_tokens=60, native={"seconds": 0.3, "pages": 6})
    assert day.by_type == {ModelType.CHAT: DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4), ModelType.IMAGE2TEXT: sees}
    assert day.parts() == list(day.by_type.items())


def test_what_was_counted_before_types_were_is_of_none(ledger: UsageRepository, aws: Aws) -> None:
    # An item of an earlier release, to which a later one adds.
    connection().put_item(
        aws.settings.usage_table,
        "acme",
        "day#2026-05-01#gpt-4@OpenAI",
        attributes={"calls": {"N": "2"}, "input_tokens": {"N": "7"}, "native_seconds": {"N": "0.3"}},
    )

    (before,) = ledger.days("acme", DAY, DAY)
    ledger.settle(replace(CALL, usage=Usage(3, 4, native={"seconds": 0.1})))
    (after,) = ledger.days("acme", DAY, DAY)

    assert before.parts() == [(None, before)]
    assert (before.calls, before.input_tokens, before.native) == (2, 7, {"seconds": 0.3})
    assert after.parts() == [
        (ModelType.CHAT, DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4, native={"seconds": 0.1})),
        (None, before),
    ]


def test_an_error_is_counted_beside_the_calls(ledger: UsageRepository) -> None:
    ledger.settle(CALL)
    for _ in range(2):
        ledger.count_error("acme", "gpt-4@OpenAI", ModelType.CHAT, AT)

    (day,) = ledger.days("acme", DAY, DAY)

    assert (day.calls, day.errors, day.total_tokens) == (1, 2, 7)
    assert day.by_type == {ModelType.CHAT: day}


@pytest.mark.parametrize(("status", "errors"), [("ok", 0), ("client_disconnected", 0), ("interrupted", 1)])
def test_a_caller_who_hangs_up_is_no_error(ledger: UsageRepository, status: CallStatus, errors: int) -> None:
    ledger.settle(replace(CALL, status=status))

    assert [day.errors for day in ledger.days("acme", DAY, DAY)] == [errors]


def test_days_can_be_read_on_from_any_of_them(ledger: UsageRepository) -> None:
    for number, name in enumerate(["a", "a!", "a-longer", "é@b", "z"]):
        for later in range(2):
            at = AT + timedelta(days=later)
            ledger.settle(replace(CALL, request_id=f"{number}-{later}", llm_name=name, at=at))
    whole = ledger.days("acme", DAY, DAY + timedelta(days=1))

    assert len(whole) == 10
    for number, day in enumerate(whole):
        rest = ledger.read_days("acme", DAY, DAY + timedelta(days=1), (day.day, day.address), at_once=3)
        assert list(rest) == whole[number + 1 :]


def test_the_ledger_item_holds_the_call_and_when_it_may_go(aws: Aws, models: TenantLLMRepository) -> None:
    ledger = UsageRepository(replace(aws.settings, ledger_days=2))

    with recorded() as calls:
        ledger.settle(replace(CALL, status="interrupted", usage=Usage(1, 2, native={"seconds": 0.5}, estimated=True)))

    item = calls[0][1]["TransactItems"][0]["Put"]["Item"]
    assert item == {
        "tenant_id": {"S": "acme"},
        "entry": {"S": "call#r1"},
        "request_id": {"S": "r1"},
        "llm_name": {"S": "gpt-4"},
        "llm_factory": {"S": "OpenAI"},
        "model_type": {"S": "chat"},
        "row": {"S": "gpt-4@OpenAI"},
        "input_tokens": {"N": "1"},
        "output_tokens": {"N": "2"},
        "cached_tokens": {"N": "0"},
        "cache_write_tokens": {"N": "0"},
        "reasoning_tokens": {"N": "0"},
        "native": {"M": {"seconds": {"N": "0.5"}}},
        "estimated": {"BOOL": True},
        "status": {"S": "interrupted"},
        "at": {"S": "2026-05-01T12:00:00.000000+0000"},
        "expires_at": {"N": str(int(AT.timestamp()) + 2 * 86400)},
    }


def test_a_request_id_may_be_longer_than_a_key(ledger: UsageRepository) -> None:
    long = replace(CALL, request_id="x" * 5000)

    outcomes = [ledger.settle(long), ledger.settle(long), ledger.settle(replace(CALL, request_id="x" * 4999))]

    assert outcomes == ["counted", "repeated", "counted"]


@pytest.mark.parametrize(
    "fault",
    [
        cancellation("TransactionConflict", None, None),
        cancellation(None, "TransactionConflict", "TransactionConflict"),
        cancellation(None, "ThrottlingError", None),
        cancellation(None, None, "ProvisionedThroughputExceeded"),
        cancellation("ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"),
    ],
)
def test_a_transaction_that_others_cancelled_is_tried_again(
    aws: Aws, models: TenantLLMRepository, proxy: Proxy, fault: Fault
) -> None:
    proxy.plan(TRANSACT, [fault, fault])
    waits: list[float] = []

    outcome = UsageRepository(aws.settings, sleep=waits.append).settle(CALL)

    assert outcome == "counted"
    assert used(models) == 7
    assert len(waits) == 2


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ThrottlingException"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("RequestLimitExceeded"),
        refusal("TransactionInProgressException"),
        refusal("InternalServerError", 500),
        refusal("ServiceUnavailable", 503),
        LostAnswer(),
    ],
)
def test_what_passes_does_not_change_the_count(
    aws: Aws, models: TenantLLMRepository, proxy: Proxy, fault: Fault
) -> None:
    proxy.plan(TRANSACT, [fault])

    outcome = UsageRepository(aws.settings).settle(CALL)

    assert outcome in ("counted", "repeated")
    assert proxy.seen == [TRANSACT, TRANSACT]
    assert used(models) == 7
    assert UsageRepository(aws.settings).days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4)]


def test_an_answer_lost_while_the_row_is_gone_counts_once(aws: Aws, models: TenantLLMRepository, proxy: Proxy) -> None:
    models.delete("acme", "gpt-4@OpenAI")
    proxy.plan(TRANSACT, [LostAnswer(), LostAnswer(), LostAnswer()])

    UsageRepository(aws.settings).settle(CALL)

    assert UsageRepository(aws.settings).days("acme", DAY, DAY) == [DayUsage(DAY, "gpt-4", "OpenAI", 1, 3, 4)]


def test_all_attempts_of_a_settlement_carry_one_token_and_the_next_another(
    ledger: UsageRepository, aws: Aws, proxy: Proxy
) -> None:
    proxy.plan(TRANSACT, [cancellation("TransactionConflict", None, None)])
    through_proxy = UsageRepository(aws.settings, sleep=lambda _: None)

    with recorded() as calls:
        through_proxy.settle(CALL)
        through_proxy.settle(CALL)

    first, again, next_one = (body["ClientRequestToken"] for _, body in calls)
    assert first == again != next_one


def test_transactions_that_never_get_through_are_given_up(aws: Aws, models: TenantLLMRepository, proxy: Proxy) -> None:
    proxy.plan(TRANSACT, [cancellation("TransactionConflict", None, None)] * 20)
    waits: list[float] = []

    with pytest.raises(ServiceUnavailable, match="cancelled by others") as caught:
        UsageRepository(aws.settings, sleep=waits.append).settle(CALL)

    assert caught.value.retryable
    assert (len(proxy.seen), len(waits)) == (8, 7)
    assert max(waits) <= 0.5
    assert used(models) == 0


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ValidationException"),
        refusal("IdempotentParameterMismatchException"),  # cannot be: a token is one settlement's
        cancellation("ValidationError", None, None),
        cancellation(None, "ItemCollectionSizeLimitExceeded", None),
        cancellation(None, "TransactionConflict", "ValidationError"),
    ],
)
def test_what_will_not_pass_is_told_at_once(aws: Aws, models: TenantLLMRepository, proxy: Proxy, fault: Fault) -> None:
    proxy.plan(TRANSACT, [fault])

    with pytest.raises(ServiceUnavailable):
        UsageRepository(aws.settings).settle(CALL)

    assert proxy.seen == [TRANSACT]


def test_no_call_describes_a_table(aws: Aws, models: TenantLLMRepository, proxy: Proxy) -> None:
    ledger = UsageRepository(aws.settings)

    ledger.settle(CALL)
    ledger.days("acme", DAY, DAY)

    assert proxy.seen == [TRANSACT, "Query"]


def test_repositories_share_one_connection(aws: Aws) -> None:
    forget_everything()

    UsageRepository(aws.settings)
    TenantLLMRepository(aws.settings)

    assert connection.cache_info().misses == 1

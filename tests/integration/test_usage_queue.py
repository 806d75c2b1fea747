"""Settlements that DynamoDB refuses: queued, logged, and booked once in the end."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from threading import Event
from typing import Any

import pytest

import local.queue
from functions.increase_usage.handler import handler
from local.aws import client_of
from local.queue import deliver, record
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage, Settlement
from tenant_llm.domain.settlement_json import encode
from tenant_llm.domain.usage import Usage
from tenant_llm.repositories.usage_ledger import MOST_TOGETHER
from tenant_llm.repositories.usage_queue import UsageQueue
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.faults import Fault, LostAnswer, Proxy, Silence, cancellation, refusal
from tests.support.functions import LambdaContext, directly
from tests.support.provider import ProviderServer
from tools.replay_unsettled import replay

_ADDRESS = "gpt-4@OpenAI"
_ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
_EVENT = {"tenant_id": "acme", "request_id": "mine", "messages": [{"role": "user", "content": "a secret of ours"}]}
_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
_CALL = Settlement("acme", "r1", "gpt-4", "OpenAI", ModelType.CHAT, Usage(3, 4), _AT, row=_ADDRESS)
_REFUSED = refusal("AccessDeniedException")
_TRANSACT, _SEND = "TransactWriteItems", "SendMessage"


@pytest.fixture
def faulty(bundle: Aws, proxy: Proxy, provider: ProviderServer) -> Proxy:
    """``acme`` has a model, and AWS can fail."""
    add_tenant(bundle.settings, api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)
    return proxy


def chat(**fields: Any) -> Any:
    return directly(import_module("functions.invoke_chat.handler").handler, _EVENT | fields)


def waiting(aws: Aws) -> int:
    url = aws.env["SETTLEMENT_QUEUE_URL"]
    names = ["ApproximateNumberOfMessages"]
    answer = client_of(aws.env, "sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def booked(day: datetime | None = None) -> list[tuple[int, int]]:
    """Calls and tokens of each day and model."""
    until = (day or datetime.now(UTC)).date()
    days: list[DayUsage] = bootstrap.usage_repository().days("acme", until - timedelta(days=1), until)
    return [(day.calls, day.total_tokens) for day in days]


def used() -> int:
    row = bootstrap.tenant_llm_repository().find("acme", _ADDRESS)
    assert row is not None
    return row.used_tokens


def messages(*bodies: str) -> dict[str, Any]:
    """An event of the queue with these messages, called ``m0``, ``m1`` and so on."""
    many = enumerate(bodies)
    records = [record({"MessageId": f"m{number}", "ReceiptHandle": "h", "Body": body}) for number, body in many]
    return {"Records": records}


def failed(event: dict[str, Any], context: LambdaContext | None = None) -> list[str]:
    answer = handler(event, context or LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_what_dynamodb_refuses_is_answered_and_booked_once_from_the_queue(
    bundle: Aws, faulty: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.plan(_TRANSACT, [_REFUSED])

    answer = chat()

    assert answer["usage"]["total_tokens"] == 18
    assert (booked(), waiting(bundle)) == ([], 1)
    assert any(record.message.startswith("queued ") for record in caplog.records)
    assert deliver(bundle.env) == (1, 1)
    assert (booked(), used(), waiting(bundle)) == ([(1, 18)], 18, 0)


@pytest.mark.parametrize("fault", [Silence(), LostAnswer()])
def test_a_message_that_comes_twice_or_after_its_call_was_booked_counts_once(
    bundle: Aws, faulty: Proxy, fault: Fault
) -> None:
    faulty.plan(_TRANSACT, [fault] * 10)
    chat()
    faulty.planned.clear()
    client = client_of(bundle.env, "sqs")
    url = bundle.env["SETTLEMENT_QUEUE_URL"]
    (message,) = client.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert "secret" not in message["Body"]
    client.send_message(QueueUrl=url, MessageBody=message["Body"])

    assert deliver(bundle.env) == (2, 2)

    assert (booked(), used()) == ([(1, 18)], 18)


def test_a_queue_whose_answer_is_lost_may_hold_a_settlement_twice_and_it_counts_once(
    bundle: Aws, faulty: Proxy
) -> None:
    faulty.plan(_TRANSACT, [_REFUSED])
    faulty.plan(_SEND, [LostAnswer()])

    chat()

    assert waiting(bundle) == 2
    assert deliver(bundle.env) == (2, 2)
    assert (booked(), used()) == ([(1, 18)], 18)


def test_what_both_refuse_is_answered_and_booked_once_from_the_log(
    bundle: Aws, faulty: Proxy, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty.plan(_TRANSACT, [_REFUSED])
    faulty.plan(_SEND, [_REFUSED])

    answer = chat()

    assert answer["usage"]["total_tokens"] == 18
    assert (booked(), waiting(bundle)) == ([], 0)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "secret" not in line
    assert replay([line, line], bootstrap.usage_service().book, bundle.settings.ledger_days) == 0
    told = capsys.readouterr().out.splitlines()
    assert [words.split()[0] for words in told] == ["counted", "repeated", "1"]
    assert (booked(), used()) == ([(1, 18)], 18)


def test_a_silent_aws_does_not_keep_a_caller_waiting(
    bundle: Aws, faulty: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.plan(_TRANSACT, [Silence()] * 10)
    faulty.plan(_SEND, [Silence()] * 10)
    began = datetime.now(UTC)

    answer = chat()

    # Three seconds by the limits; DynamoDB's retries alone would take fifteen and more.
    assert datetime.now(UTC) - began < timedelta(seconds=8)
    assert answer["usage"]["total_tokens"] == 18
    assert any(record.message.startswith("unsettled ") for record in caplog.records)


def test_without_a_queue_a_refusal_goes_to_the_log(
    bundle: Aws, faulty: Proxy, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTLEMENT_QUEUE_URL", "")
    bootstrap.reset()
    faulty.plan(_TRANSACT, [_REFUSED])

    assert chat()["usage"]["total_tokens"] == 18

    assert any(record.message.startswith("unsettled ") for record in caplog.records)
    assert _SEND not in faulty.seen


def test_the_same_call_again_asks_the_provider_again_and_is_counted_once(
    bundle: Aws, faulty: Proxy, provider: ProviderServer
) -> None:
    faulty.plan(_TRANSACT, [_REFUSED])

    for _ in range(2):
        chat()
    deliver(bundle.env)

    assert len(provider.requests) == 2
    assert (booked(), used()) == ([(1, 18)], 18)


def test_a_settlement_keeps_its_request_id_and_its_day_however_often_it_is_delivered(
    bundle: Aws, faulty: Proxy
) -> None:
    event = messages(json.dumps(encode(_CALL)))

    # Lambda gives every delivery an id of its own.
    assert [failed(event, LambdaContext(aws_request_id=f"delivery-{number}")) for number in range(3)] == [[], [], []]

    assert (booked(_AT), used()) == ([(1, 7)], 7)


def test_of_a_batch_exactly_what_failed_is_delivered_again(
    bundle: Aws, faulty: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    good, after = (json.dumps(encode(replace(_CALL, request_id=name))) for name in ("a", "c"))
    throttled = json.dumps(encode(replace(_CALL, request_id="b", llm_name="gpt-5", row=None)))
    broken = ["not JSON", "[" * 100_000, "null", json.dumps(encode(_CALL) | {"at": None}), '{"prompt": "secret"}']
    bootstrap.usage_service().book(_CALL)
    event = messages(good, *broken, throttled, after)
    ledger = bootstrap.usage_repository()
    settle = ledger.settle

    def refuse_b(settlement: Settlement, **more: Any) -> Any:
        if settlement.request_id == "b":
            faulty.plan(_TRANSACT, [_REFUSED])
        return settle(settlement, **more)

    ledger.settle = refuse_b  # type: ignore[method-assign]

    assert failed(event) == ["m1", "m2", "m3", "m4", "m5", "m6"]

    assert (booked(_AT), used()) == ([(3, 21)], 21)
    assert failed(messages(good, throttled, after)) == ["m1"]
    ledger.settle = settle  # type: ignore[method-assign]
    assert failed(messages(good, throttled, after)) == []
    assert (booked(_AT), used()) == ([(3, 21), (1, 7)], 21)
    told = [record.getMessage() for record in caplog.records if record.name == "tenant_llm"]
    assert [line.split()[0] for line in told] == ["unreadable"] * 5 + ["unbooked"] * 2
    assert "secret" not in str(told)


def test_settlements_of_one_model_are_booked_together_and_repeats_among_them_once(bundle: Aws, faulty: Proxy) -> None:
    bootstrap.usage_service().book(replace(_CALL, request_id="r3"))
    many = [json.dumps(encode(replace(_CALL, request_id=f"r{number}"))) for number in range(MOST_TOGETHER + 5)]
    faulty.seen.clear()

    assert failed(messages(*many, many[1], many[-1])) == []

    assert (booked(_AT), used()) == ([(len(many), 7 * len(many))], 7 * len(many))
    # 45 and 6, each again without the one that was counted before, each of those alone; the repeat that has no group.
    assert faulty.seen.count(_TRANSACT) == 7


@pytest.mark.parametrize("fault", [LostAnswer(), cancellation("TransactionConflict")])
def test_settlements_that_are_booked_together_are_all_booked_or_none(bundle: Aws, faulty: Proxy, fault: Fault) -> None:
    event = messages(*(json.dumps(encode(replace(_CALL, request_id=f"r{number}"))) for number in range(10)))
    faulty.plan(_TRANSACT, [fault])
    assert failed(event) == []
    assert (booked(_AT), used()) == ([(10, 70)], 70)

    again = messages(*(json.dumps(encode(replace(_CALL, request_id=f"s{number}"))) for number in range(10)))
    faulty.plan(_TRANSACT, [_REFUSED])
    assert failed(again) == [f"m{number}" for number in range(10)]
    assert (booked(_AT), used()) == ([(10, 70)], 70)
    assert failed(again) == []
    assert (booked(_AT), used()) == ([(20, 140)], 140)


def test_a_batch_that_fails_as_a_whole_is_an_answer_too(bundle: Aws, faulty: Proxy) -> None:
    assert failed(messages("x", "y")) == ["m0", "m1"]


def test_what_there_is_no_time_for_is_left_for_the_next_delivery(bundle: Aws, faulty: Proxy) -> None:
    event = messages(json.dumps(encode(_CALL)))

    assert failed(event, LambdaContext(milliseconds=5_999)) == ["m0"]
    assert booked(_AT) == []
    assert failed(event, LambdaContext(milliseconds=6_000)) == []


def test_a_message_that_keeps_failing_ends_in_the_dead_letter_queue(bundle: Aws, faulty: Proxy) -> None:
    client = client_of(bundle.env, "sqs")
    url = bundle.env["SETTLEMENT_QUEUE_URL"]
    client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})
    client.send_message(QueueUrl=url, MessageBody="broken")

    delivered = [deliver(bundle.env) for _ in range(6)]

    assert delivered == [(1, 0)] * 5 + [(0, 0)]
    (dead,) = client.receive_message(QueueUrl=f"{url}-dead")["Messages"]
    assert dead["Body"] == "broken"


def test_on_a_laptop_a_thread_delivers(bundle: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    add_tenant(bundle.settings)
    delivered = Event()

    def noted(env: Any, function: str) -> tuple[int, int]:
        if (found := deliver(env, function))[0]:
            delivered.set()
        return found

    monkeypatch.setattr(local.queue, "deliver", noted)
    monkeypatch.setattr(local.queue, "_SECONDS", 0.01)
    UsageQueue(bundle.env["SETTLEMENT_QUEUE_URL"]).send(_CALL)

    with local.queue.draining(bundle.env):
        assert delivered.wait(20)

    assert (booked(_AT), waiting(bundle)) == ([(1, 7)], 0)


def test_the_example_of_an_event_books_what_it_says(bundle: Aws) -> None:
    add_tenant(bundle.settings, "tenant123", _ADDRESS)

    assert failed(load_event("queue/increase_usage")) == []

    row = bootstrap.tenant_llm_repository().find("tenant123", _ADDRESS)
    assert row is not None
    assert row.used_tokens == 50


@pytest.mark.parametrize("records", [[], [{"eventSource": "aws:sns"}], "text", None])
def test_records_of_another_source_are_no_messages(bundle: Aws, records: Any) -> None:
    event = load_event("direct/increase_usage") | {"Records": records}

    answer = directly(handler, event)

    assert "batchItemFailures" not in answer


def test_a_client_of_the_queue_is_made_once_and_when_it_is_needed(bundle: Aws) -> None:
    queue = UsageQueue(bundle.env["SETTLEMENT_QUEUE_URL"])
    assert queue._made is None

    queue.send(_CALL)
    client = queue._made
    queue.send(_CALL)

    assert queue._made is client
    assert waiting(bundle) == 2

"""The queue, twice over and from several consumers at once, against an AWS whose transactions are atomic."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from json import loads

import pytest

from local.aws import client_of
from local.queue import deliver
from tenant_llm import bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.usage import Usage
from tests.support.aws import Aws, forget_everything
from tests.support.faults import LostAnswer, faulty_proxy, refusal

_ADDRESS = "gpt-4@OpenAI"
_CONFIG = ModelConfig("acme", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://x", "gpt-4", row=_ADDRESS)
_CALLS = 60


def test_calls_are_counted_exactly_through_the_queue_while_aws_fails_and_consumers_race(
    ministack: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.tenant_llm_repository().put(TenantModel("acme", "gpt-4", "OpenAI", ModelType.CHAT))
    with faulty_proxy(ministack.env["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        forget_everything()
        proxy.plan("TransactWriteItems", [refusal("AccessDeniedException"), LostAnswer()] * (_CALLS // 3))
        proxy.plan("SendMessage", [LostAnswer()] * 5)
        service = bootstrap.usage_service()

        def settle(number: int) -> None:
            service.settle(Caller("acme", f"r{number % _CALLS}", Deadline.after(20)), _CONFIG, Usage(3, 4))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(settle, range(2 * _CALLS)))
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.env["AWS_ENDPOINT_URL"])
    forget_everything()
    sent_again(ministack)

    with ThreadPoolExecutor(3) as pool:
        delivered = list(pool.map(partial(deliver, ministack.env), ["increase_usage"] * 60))

    assert sum(got for got, _ in delivered) > _CALLS // 3
    assert all(got == kept for got, kept in delivered)
    row = bootstrap.tenant_llm_repository().find("acme", _ADDRESS)
    today = datetime.now(UTC).date()
    days = bootstrap.usage_repository().days("acme", today.replace(day=1), today)
    assert row is not None
    assert (row.used_tokens, sum(day.calls for day in days)) == (_CALLS * 7, _CALLS)


def sent_again(aws: Aws) -> None:
    """Put copies of some messages into the queue, as SQS may deliver one twice."""
    client, url = client_of(aws.env, "sqs"), aws.env["SETTLEMENT_QUEUE_URL"]
    for message in client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]:
        assert replace(_CONFIG, tenant_id=loads(message["Body"])["tenant_id"]) == _CONFIG
        client.send_message(QueueUrl=url, MessageBody=message["Body"])

"""Lambda's part between a queue and a function: messages become events, and those that did not fail are deleted."""

from collections.abc import Mapping
from threading import Event, Thread
from typing import Any

from local.aws import client_of
from local.server import invoke

_SECONDS = 1.0
_BATCH = 10  # as the template's mapping has it, and the most that SQS hands out


def deliver(env: Mapping[str, str], function: str = "increase_usage") -> tuple[int, int]:
    """Hand the function one batch of what is in the usage queue; returns how many it got, and how many it kept."""
    url = env["SETTLEMENT_QUEUE_URL"]
    client = client_of(env, "sqs")
    received = client.receive_message(QueueUrl=url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=0)
    messages = received.get("Messages", [])
    if not messages:
        return 0, 0
    answer = invoke(function, {"Records": [_record(message) for message in messages]})
    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    for message in messages:
        if message["MessageId"] not in failed:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages), len(messages) - len(failed)


def drain(env: Mapping[str, str]) -> Thread:
    """Deliver from now on, once a second: the embedded AWS answers one at a time, and a long poll would hold it."""

    def run() -> None:
        while True:
            while deliver(env)[0]:
                continue
            Event().wait(_SECONDS)

    thread = Thread(target=run, name="usage-queue", daemon=True)
    thread.start()
    return thread


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {},
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:UsageQueue",
        "awsRegion": "us-east-1",
    }

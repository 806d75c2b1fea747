"""Lambda's part between a queue and a function: messages become events, and those that did not fail are deleted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from local.aws import client_of
from local.server import invoke

_SECONDS = 1.0
_BATCH = 10  # the most that SQS hands out at once; Lambda collects more


QUEUES = {"increase_usage": "SETTLEMENT_QUEUE_URL", "export_traces": "TRACE_QUEUE_URL"}
"""A function and the variable that names its queue."""


def deliver(env: Mapping[str, str], function: str = "increase_usage", times: int = 1) -> tuple[int, int]:
    """Hand the function one batch of what is in its queue, so many times, as SQS may.

    Returns:
        How many messages it got, and how many it kept.
    """
    url = env[QUEUES[function]]
    client = client_of(env, "sqs")
    received = client.receive_message(QueueUrl=url, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=0)
    messages = received.get("Messages", [])
    if not messages:
        return 0, 0
    event = {"Records": [record(message) for message in messages]}
    answers = [invoke(function, event) for _ in range(times)]
    failed = {failure["itemIdentifier"] for answer in answers for failure in answer["batchItemFailures"]}
    for message in messages:
        if message["MessageId"] not in failed:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages), len(messages) - len(failed)


@contextmanager
def draining(env: Mapping[str, str]) -> Iterator[None]:
    """Deliver once a second until the block ends: a long poll would hold the embedded AWS, which has one thread."""
    over = Event()

    def run() -> None:
        while not over.wait(_SECONDS):
            for function in QUEUES:
                while deliver(env, function)[0]:
                    continue

    thread = Thread(target=run, name="queues", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def record(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as functions get it: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:UsageQueue",
        "awsRegion": "us-east-1",
    }

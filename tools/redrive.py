"""``python -m tools.redrive STAGE``: moves what is in the dead-letter queue back to the usage queue.

Mend first what made the messages fail (the log has ``unbooked`` and ``unreadable``). Settlements that were booked
meanwhile count nothing when they come again.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from argparse import ArgumentParser
from collections.abc import Callable
from time import sleep
from typing import Any

import boto3

from tools.stack import stack

_SECONDS = 2.0
_ENDED = ("COMPLETED", "FAILED", "CANCELLED")


def redrive(client: Any, url: str, sleep: Callable[[float], None] = sleep) -> int:
    """Move the messages of the queue with that URL to where they came from, and tell how it goes; ``client`` is SQS's.

    Returns:
        0 where there was nothing or all were moved, else 1.
    """
    names = ["QueueArn", "ApproximateNumberOfMessages"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    waiting = int(attributes["ApproximateNumberOfMessages"])
    print(f"{waiting} messages in the dead-letter queue")
    if not waiting:
        return 0
    arn = attributes["QueueArn"]
    client.start_message_move_task(SourceArn=arn)
    while True:
        (task, *_) = client.list_message_move_tasks(SourceArn=arn, MaxResults=1)["Results"]
        print(f"{task['Status']}: {task.get('ApproximateNumberOfMessagesMoved', 0)} of {waiting} moved", flush=True)
        if task["Status"] in _ENDED:
            break
        sleep(_SECONDS)
    if task["Status"] != "COMPLETED":
        print(task.get("FailureReason", "no reason is told"))
        return 1
    return 0


def main() -> int:
    """Of the stage that is named."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("stage")
    outputs = stack(boto3.client("cloudformation"), parser.parse_args().stage).outputs
    return redrive(boto3.client("sqs"), outputs["DeadLetterQueueUrl"])


if __name__ == "__main__":
    raise SystemExit(main())

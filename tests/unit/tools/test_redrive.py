from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tools.redrive import redrive

_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/dead"
_ARN = "arn:aws:sqs:us-east-1:123456789012:dead"


def _redriven(waiting: int, *tasks: dict[str, Any]) -> int:
    """The result, with SQS as its service model has it answering that."""
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    attributes = {"QueueArn": _ARN, "ApproximateNumberOfMessages": str(waiting)}
    waits: list[float] = []
    with Stubber(client) as aws:
        names = ["QueueArn", "ApproximateNumberOfMessages"]
        asked = {"QueueUrl": _URL, "AttributeNames": names}
        aws.add_response("get_queue_attributes", {"Attributes": attributes}, asked)
        if tasks:
            aws.add_response("start_message_move_task", {"TaskHandle": "h"}, {"SourceArn": _ARN})
        for task in tasks:
            listed = {"SourceArn": _ARN, "MaxResults": 1}
            aws.add_response("list_message_move_tasks", {"Results": [task]}, listed)
        result = redrive(client, _URL, waits.append)
        aws.assert_no_pending_responses()
    assert len(waits) == max(0, len(tasks) - 1)
    return result


def test_messages_are_moved_back_and_the_way_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    running = {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 2}
    completed = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 5}

    assert _redriven(5, {"Status": "RUNNING"}, running, completed) == 0

    assert capsys.readouterr().out.splitlines() == [
        "5 messages in the dead-letter queue",
        "RUNNING: 0 of 5 moved",
        "RUNNING: 2 of 5 moved",
        "COMPLETED: 5 of 5 moved",
    ]


def test_an_empty_queue_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert _redriven(0) == 0

    assert capsys.readouterr().out == "0 messages in the dead-letter queue\n"


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
def test_a_move_that_does_not_end_well_is_told(capsys: pytest.CaptureFixture[str], status: str) -> None:
    assert _redriven(5, {"Status": status, "FailureReason": "AWS.SimpleQueueService.NonExistentQueue"}) == 1

    assert capsys.readouterr().out.endswith("NonExistentQueue\n")

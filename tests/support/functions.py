"""Calling a function as Lambda does."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from tenant_llm.domain.wire import Json, JsonObject

type Handler = Callable[[JsonObject, object], Json]


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What handlers use of Lambda's context
    (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html).
    """

    aws_request_id: str = "8a0c1c1e-5d5b-4b0e-9a39-5d1f3b6d7c55"
    milliseconds: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        """The time left."""
        return self.milliseconds


def over_http(handler: Handler, event: JsonObject) -> tuple[int, Json]:
    """The status and the decoded JSON body that API Gateway would answer with."""
    answer = handler(event, LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def directly(handler: Handler, event: JsonObject) -> Json:
    """What a direct invocation returns, through JSON as Lambda passes it."""
    return json.loads(json.dumps(handler(event, LambdaContext())))


def with_body(event: JsonObject, body: Json) -> JsonObject:
    """The event with another JSON body."""
    return {**event, "body": json.dumps(body)}

"""The door for messages of the usage queue: a batch of them in, the ones to be delivered again out.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from collections.abc import Callable, Sequence
from json import JSONDecodeError, loads

from tenant_llm.domain.errors import InvalidRequest, TenantLLMError
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import decode
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface import http
from tenant_llm.surface.entrypoint import Handler
from tenant_llm.telemetry import logs, metrics

type BookAll = Callable[[Sequence[Settlement], Callable[[], bool]], Sequence[Exception | None]]
"""Books settlements while there is time; tells what kept each of them from being booked."""

# What one transaction may take, and a second to answer in. A batch that Lambda stops is delivered again as a whole.
_LEAST_MILLIS = 6_000


def consuming(book: BookAll, otherwise: Handler) -> Handler:
    """A Lambda handler that books what the queue delivers, and leaves any other event to ``otherwise``.

    A message that was booked before is booked again and counts nothing. One that fails is delivered again, and stands
    in the dead-letter queue after some times; so does one that is no settlement.
    """

    def handler(event: JsonObject, context: object) -> Json:
        return _consumed(event, context, book) if _is_of_queue(event) else otherwise(event, context)

    return handler


def _is_of_queue(event: JsonObject) -> bool:
    match event.get("Records"):
        case [{"eventSource": "aws:sqs"}, *_]:
            return not http.is_http(event)
        case _:
            return False


def _consumed(event: JsonObject, context: object, book: BookAll) -> Json:
    def has_time() -> bool:
        left: int = context.get_remaining_time_in_millis()  # type: ignore[attr-defined]
        return left >= _LEAST_MILLIS

    readable: dict[str, Settlement] = {}
    failed: list[str] = []
    for record in event["Records"]:
        try:
            readable[record["messageId"]] = decode(_json(record["body"]))
        except TenantLLMError as error:
            logs.unreadable(record["messageId"], error)
            metrics.count_unreadable()
            failed.append(record["messageId"])
    for message_id, refusal in zip(readable, book([*readable.values()], has_time), strict=True):
        if refusal is not None:
            logs.unbooked(readable[message_id], refusal)
            failed.append(message_id)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _json(body: str) -> Json:
    try:
        return loads(body)
    except (JSONDecodeError, RecursionError) as error:
        raise InvalidRequest("the message is not JSON") from error

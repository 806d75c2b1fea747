"""The door for messages of the usage queue: a batch of them in, the ones to be delivered again out.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from collections.abc import Callable
from json import JSONDecodeError, loads
from typing import TYPE_CHECKING

from tenant_llm.domain.errors import InvalidRequest, TenantLLMError
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import decode
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface import http
from tenant_llm.surface.entrypoint import Handler
from tenant_llm.telemetry import logs, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

# What one message may take, and a second to answer in. A batch that Lambda stops is delivered again as a whole.
_LEAST_MILLIS = 6_000


def consuming(book: Callable[[Settlement], object], otherwise: Handler) -> Handler:
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


def _consumed(event: JsonObject, context: object, book: Callable[[Settlement], object]) -> Json:
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

    def handle(record: "SQSRecord") -> None:
        left: int = context.get_remaining_time_in_millis()  # type: ignore[attr-defined]
        if left < _LEAST_MILLIS:
            raise TimeoutError(f"{left} ms are left")
        settlement = _settlement(record)
        try:
            book(settlement)
        except Exception as error:
            logs.unbooked(settlement, error)
            raise

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event, handle, processor)


def _settlement(record: "SQSRecord") -> Settlement:
    try:
        return decode(_json(record.body))
    except TenantLLMError as error:
        logs.unreadable(record.message_id, error)
        metrics.count_unreadable()
        raise


def _json(body: str) -> Json:
    try:
        return loads(body)
    except (JSONDecodeError, RecursionError) as error:
        raise InvalidRequest("the message is not JSON") from error

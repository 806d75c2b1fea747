"""The door for messages of a queue: a batch of them in, the ones to be delivered again out.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json import JSONDecodeError, loads

from tenant_llm.domain import settlement_json, trace_json
from tenant_llm.domain.errors import InvalidRequest, TenantLLMError
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.trace import Generation
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface import http, snapshot
from tenant_llm.surface.entrypoint import Handler
from tenant_llm.telemetry import logs, metrics

# What one transaction may take, and one request to a Langfuse, and a second to answer in. A batch that Lambda stops is
# delivered again as a whole.
_LEAST_MILLIS = 6_000
_LEAST_MILLIS_TO_EXPORT = 10_000

type Consume[Record] = Callable[[Sequence[Record], Callable[[], bool]], Sequence[Exception | None]]
"""Takes records while there is time; tells what kept each of them from being taken."""


@dataclass(frozen=True, slots=True)
class Queue[Record]:
    """What is in a queue, and what becomes of it.

    Args:
        read: the record that a message's JSON holds; raises ``InvalidRequest`` where it is none.
        consume: what takes them.
        refused: notes a record that is to be delivered again.
        least_millis: how much time is needed to begin with one.
    """

    read: Callable[[Json], Record]
    consume: Consume[Record]
    refused: Callable[[Record, Exception], None]
    least_millis: int


def settlements(book: Consume[Settlement]) -> Queue[Settlement]:
    """The usage queue's, to be booked."""
    return Queue(settlement_json.decode, book, logs.unbooked, _LEAST_MILLIS)


def generations(export: Consume[Generation]) -> Queue[Generation]:
    """The trace queue's, to be sent to the tenants' Langfuse."""
    return Queue(trace_json.decode, export, logs.unexported, _LEAST_MILLIS_TO_EXPORT)


def nothing_else(_event: JsonObject, _context: object) -> Json:
    """The answer of a function that serves a queue and nobody else."""
    return InvalidRequest("this function takes messages of its queue alone").envelope()


def consuming[Record](
    queue: Queue[Record], otherwise: Handler = nothing_else, *, prepare: Callable[[], object] | None = None
) -> Handler:
    """A Lambda handler that takes what the queue delivers, and leaves any other event to ``otherwise``.

    A message that was taken before is taken again, which has to change nothing. One that fails is delivered again, and
    stands in the dead-letter queue after some times; so does one that holds no record. ``prepare`` is as
    ``entrypoint`` has it, which does the same for ``otherwise``.
    """
    snapshot.prepare(prepare)

    def handler(event: JsonObject, context: object) -> Json:
        return _consumed(event, context, queue) if _is_of_queue(event) else otherwise(event, context)

    return handler


def _is_of_queue(event: JsonObject) -> bool:
    match event.get("Records"):
        case [{"eventSource": "aws:sqs"}, *_]:
            return not http.is_http(event)
        case _:
            return False


def _consumed[Record](event: JsonObject, context: object, queue: Queue[Record]) -> Json:
    def has_time() -> bool:
        left: int = context.get_remaining_time_in_millis()  # type: ignore[attr-defined]
        return left >= queue.least_millis

    readable: dict[str, Record] = {}
    failed: list[str] = []
    for record in event["Records"]:
        try:
            readable[record["messageId"]] = queue.read(_json(record["body"]))
        except TenantLLMError as error:
            logs.unreadable(record["messageId"], error)
            metrics.count_unreadable()
            failed.append(record["messageId"])
    for message_id, refusal in zip(readable, queue.consume([*readable.values()], has_time), strict=True):
        if refusal is not None:
            queue.refused(readable[message_id], refusal)
            failed.append(message_id)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _json(body: str) -> Json:
    try:
        return loads(body)
    except (JSONDecodeError, RecursionError) as error:
        raise InvalidRequest("the message is not JSON") from error

"""A generation as JSON: into the queue, and back."""

from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from json import dumps
from typing import TYPE_CHECKING

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.records import decoded
from tenant_llm.domain.trace import Generation
from tenant_llm.domain.trace_cut import CUT, LENGTHS, cut
from tenant_llm.domain.wire import Json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MOST_BYTES = 1_000_000
"""What a record may have: SQS takes 1 MiB a message
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html).
"""


def encode(generation: Generation, most: int = MOST_BYTES) -> str:
    """The generation as JSON text of ``most`` bytes at most: what is too much of its content is cut, and says so."""
    text = _text(generation)
    for longest in LENGTHS:
        if len(text) <= most:
            break
        text = _text(
            replace(
                generation,
                input=cut(generation.input, longest),
                output=cut(generation.output, longest),
                parameters=cut(dict(generation.parameters), longest),
            )
        )
    nothing: dict[str, Json] = {}
    for field, left in (("input", CUT), ("output", CUT), ("parameters", {})):
        if len(text) > most:
            nothing[field] = left
            text = _text(replace(generation, **nothing))
    return text


def decode(encoded: Json) -> Generation:
    """The generation that ``encode`` was given.

    Raises:
        InvalidRequest: When it is none; the message names the field.
    """
    generation = decoded(_adapter(), encoded, "generation")
    for field in fields(generation):
        value = getattr(generation, field.name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise InvalidRequest(f"generation: {field.name} has no time zone", param=field.name)
    return generation


def _text(generation: Generation) -> str:
    # In ASCII: SQS refuses some characters, and counts bytes.
    return dumps(_adapter().dump_python(generation, mode="json"), separators=(",", ":"))


@cache
def _adapter() -> "TypeAdapter[Generation]":
    from pydantic import TypeAdapter

    return TypeAdapter(Generation)

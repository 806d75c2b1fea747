"""Named values of a call, wherever they stand: path, query, body, or a direct event."""

from collections.abc import Mapping

from pydantic import BaseModel

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import shortened

# Longer than any address; beyond 1024 bytes DynamoDB would refuse it as a key.
LONGEST_BYTES = 1000
"""Of a name that a caller gives."""


def arguments(call: Call) -> Mapping[str, Json]:
    """Query and path of an HTTP call, the event of a direct one."""
    return call.body if call.direct else {**call.query, **call.path}


def argument(call: Call, name: str) -> str:
    """One of them, which has to be there.

    Raises:
        InvalidRequest: When it is missing, blank, no text or longer than anything it could name; ``param`` is ``name``.
    """
    given = arguments(call)
    if name not in given:
        raise InvalidRequest(f"{name} is required", param=name)
    value = given[name]
    if not isinstance(value, str) or not value.strip() or len(value.encode()) > LONGEST_BYTES:
        raise InvalidRequest(f"{name} is {shortened(value)}: not a text of 1 to {LONGEST_BYTES} bytes", param=name)
    return value


def read[Body: BaseModel](schema: type[Body], body: Mapping[str, Json]) -> Body:
    """A body in which every field is known.

    An unknown field is named first: who misspells a field that is required should not read that it is missing.

    Raises:
        InvalidRequest: When a field is unknown; the message has its name and not its value, which may be a key.
        pydantic.ValidationError: When a field is missing or wrong.
    """
    for name in body:
        if name not in schema.model_fields:
            known = ", ".join(schema.model_fields)
            raise InvalidRequest(f"{name} is no field of this body: it takes {known}", param=name)
    return schema.model_validate(body)

"""Records as JSON, in queues and logs, and back.

Whoever reads may be older or newer than whoever wrote: a field that is not known is passed over, and one that is not
there has its default.
"""

from json import dumps
from typing import TYPE_CHECKING

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def decoded[Record](adapter: "TypeAdapter[Record]", encoded: Json, kind: str) -> Record:
    """The record of that kind that a JSON value holds.

    Raises:
        InvalidRequest: When it is none; the message names the kind and the field, and no value.
    """
    from pydantic import ValidationError

    try:
        return adapter.validate_json(dumps(encoded), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{kind}: {field or 'all of it'}: {first['msg']}", param=field or None) from None

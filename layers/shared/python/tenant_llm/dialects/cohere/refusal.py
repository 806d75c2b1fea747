"""Errors of this provider that another wire means otherwise: https://docs.cohere.com/reference/chat (responses)."""

from tenant_llm.dialects import error_body
from tenant_llm.domain.wire import Json

_DENY_LISTED = 498


def parse_error(status: int, body: Json) -> tuple[str, str | None] | None:
    """A word on the provider's deny list, in the request or in the answer; the rest is read as everywhere."""
    return (error_body.read(body).message, "content_filter") if status == _DENY_LISTED else None

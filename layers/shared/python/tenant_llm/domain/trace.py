"""What is told of a call to the tenant's Langfuse: a generation, within a trace that its caller may have begun."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, get_args

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json

type Content = Literal["full", "masked", "none"]
"""What of inputs and outputs a tenant lets leave: all, all but what names persons or opens doors, or nothing."""

CONTENTS: tuple[Content, ...] = get_args(Content.__value__)

_TRACE_DIGITS = 32
_SPAN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a call belongs: a trace (32 hexadecimal digits) and maybe a span of it (16), a session, a user."""

    trace_id: str
    parent_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class TraceError:
    """What went wrong, in the error's own words and class; ``message`` only where content may be told."""

    type: str
    code: str
    status: int
    message: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Generation:
    """One attempt at a call of a model, as it is told to Langfuse. Times have a zone.

    ``input`` and ``output`` are JSON, and ``None`` where the tenant lets no content leave. ``first_token_at`` is when
    the first piece of a streamed answer was there. ``status`` is the settlement's, or ``failed`` where nothing was
    delivered.
    """

    tenant_id: str
    request_id: str
    context: TraceContext
    span_id: str
    model_type: ModelType
    factory: str
    llm_name: str
    started_at: datetime
    ended_at: datetime
    status: CallStatus | Literal["failed"] = "ok"
    first_token_at: datetime | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict, repr=False)
    input: Json = field(default=None, repr=False)
    output: Json = field(default=None, repr=False)
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    error: TraceError | None = None


def derived_trace_id(tenant_id: str, request_id: str) -> str:
    """The trace of a call whose caller names none: the same for the same call."""
    return _digits(_TRACE_DIGITS, tenant_id, request_id)


def span_id(tenant_id: str, trace_id: str, request_id: str, attempt: int) -> str:
    """The span of an attempt: the same whenever it is told, so that a repeated delivery overwrites itself."""
    return _digits(_SPAN_DIGITS, tenant_id, trace_id, request_id, str(attempt))


def _digits(count: int, *parts: str) -> str:
    digits = sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()[:count]
    return digits if digits.strip("0") else "1" * count  # all zeros mean none: https://www.w3.org/TR/trace-context/

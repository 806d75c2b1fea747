"""Who is calling, under which id, until when."""

from dataclasses import dataclass

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.trace import TraceContext, derived_trace_id


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant's call. Every retry of it carries the same ``request_id``, so that it is counted once.

    ``trace`` is where the call is told; without one it is a trace of its own, ``context``.
    """

    tenant_id: str
    request_id: str
    deadline: Deadline
    trace: TraceContext | None = None

    @property
    def context(self) -> TraceContext:
        """The trace that the call belongs to."""
        return self.trace or TraceContext(derived_trace_id(self.tenant_id, self.request_id))

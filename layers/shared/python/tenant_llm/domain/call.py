"""Who is calling, under which id, until when."""

from dataclasses import dataclass

from tenant_llm.domain.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant's call. Every retry of it carries the same ``request_id``, so that it is counted once."""

    tenant_id: str
    request_id: str
    deadline: Deadline

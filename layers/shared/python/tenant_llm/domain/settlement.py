"""The record that settles a call, written once, whoever retries; and the day's totals that such records add up to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage

type CallStatus = Literal["ok", "client_disconnected", "interrupted"]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who called which model, when, with what usage. ``request_id`` is unique within the tenant.

    ``row`` is the TenantLLM row that the tokens are added to; ``None`` for a keyless built-in model. ``reservation`` is
    what the tenant's budgets are charged with; ``None`` where there are none.
    """

    tenant_id: str
    request_id: str
    llm_name: str
    llm_factory: str
    model_type: ModelType
    usage: Usage
    at: datetime
    row: str | None = None
    status: CallStatus = "ok"
    reservation: Reservation | None = None

    @property
    def address(self) -> str:
        """``llm_name@llm_factory``, under which the day's totals are kept."""
        return f"{self.llm_name}@{self.llm_factory}"


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What a tenant used of one model on one day (UTC).

    The tokens are those of ``Usage``; ``estimated_tokens`` is the part of input and output that we have estimated,
    because the provider reported none.
    """

    day: date
    llm_name: str
    llm_factory: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated_tokens: int = 0
    native: Mapping[str, float] = field(default_factory=dict)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def address(self) -> str:
        """``llm_name@llm_factory``."""
        return f"{self.llm_name}@{self.llm_factory}"

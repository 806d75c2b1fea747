"""The record that settles a call, written once, whoever retries; and the day's totals that such records add up to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Literal

from tenant_llm.domain.amounts import added
from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage

type CallStatus = Literal["ok", "client_disconnected", "interrupted"]
type DayKey = tuple[date, str]
"""A day and the address of a model."""

COUNTS = (
    "calls",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "estimated_tokens",
)
"""What is counted of a day, as the fields of ``DayUsage``; native units come beside them."""


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
    def failed(self) -> bool:
        """Whether the provider broke off; a caller who hangs up is no error."""
        return self.status == "interrupted"

    @property
    def address(self) -> str:
        """``llm_name@llm_factory``, under which the day's totals are kept."""
        return f"{self.llm_name}@{self.llm_factory}"

    @property
    def account(self) -> tuple[str, str, str | None, date]:
        """Whose counters it adds to: of the tenant, the model, its row and the day (UTC)."""
        return self.tenant_id, self.address, self.row, self.at.astimezone(UTC).date()

    def supersedes(self, earlier: "Settlement") -> bool:
        """Whether it tells of the same call what an attempt that broke off could not."""
        same = (self.address, self.model_type) == (earlier.address, earlier.model_type)
        return same and self.status == "ok" != earlier.status


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What a tenant used of one model on one day (UTC).

    The tokens are those of ``Usage``; ``estimated_tokens`` is the part of input and output that we have estimated,
    because the provider reported none. ``errors`` are calls that the provider broke off, which are among ``calls``, and
    calls that it failed before anything was delivered, which are not: those are told as well as they can be.

    ``by_type`` breaks the counts down, as far as they were counted by type; it says nothing that makes two days differ.
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
    errors: int = 0
    by_type: Mapping[ModelType, "DayUsage"] = field(default_factory=dict, compare=False)

    def parts(self) -> list[tuple[ModelType | None, "DayUsage"]]:
        """The counts by type; under ``None`` what was counted before types were. Together they are the whole."""
        parts: list[tuple[ModelType | None, DayUsage]] = [*self.by_type.items()]
        of_types = self.by_type.values()
        counts = {name: getattr(self, name) - sum(getattr(part, name) for part in of_types) for name in COUNTS}
        native = {
            unit: left
            for unit, amount in self.native.items()
            if (left := added([amount, *(-part.native.get(unit, 0) for part in of_types)]))
        }
        if not parts or any(counts.values()) or native:
            parts.append((None, replace(self, **counts, native=native, by_type={})))
        return parts

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def address(self) -> str:
        """``llm_name@llm_factory``."""
        return f"{self.llm_name}@{self.llm_factory}"

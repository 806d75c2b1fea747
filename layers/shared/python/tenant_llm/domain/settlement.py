"""The record that settles a call: written once, whoever retries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage

type CallStatus = Literal["ok", "client_disconnected", "interrupted"]


@dataclass(frozen=True, slots=True)
class Settlement:
    """Who called which model, when, with what usage. ``request_id`` is unique within the tenant.

    ``row`` is the TenantLLM row that the tokens are added to; ``None`` for a keyless built-in model.
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

    @property
    def address(self) -> str:
        """``llm_name@llm_factory``, under which the day's totals are kept."""
        return f"{self.llm_name}@{self.llm_factory}"

"""A tenant and its models, as stored: without keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenant_llm.domain.budget import Budget
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.trace import Content

DEFAULT_FIELDS: Mapping[ModelType, str] = {
    ModelType.CHAT: "llm_id",
    ModelType.EMBEDDING: "embd_id",
    ModelType.SPEECH2TEXT: "asr_id",
    ModelType.IMAGE2TEXT: "img2txt_id",
    ModelType.RERANK: "rerank_id",
    ModelType.TTS: "tts_id",
}
"""Model type → the tenant's field that names its default model."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant. ``defaults`` maps a model type to an address; ``version`` grows with every change of its credentials.

    ``fallbacks`` maps a model type to the addresses to ask, in that order, where the default does not answer.

    ``credentials`` maps where a key applies (a factory, or an address ``llm_name@factory``) to the key's masked tail:
    enough to say that a key is there, never the key. ``tracing`` is what of inputs and outputs Langfuse is told, where
    the tenant has keys of it.
    """

    tenant_id: str
    name: str = ""
    defaults: Mapping[ModelType, str] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    budgets: tuple[Budget, ...] = ()
    fallbacks: Mapping[ModelType, tuple[str, ...]] = field(default_factory=dict)
    tracing: Content = "full"

    def has_credential(self, llm_name: str, factory: str) -> bool:
        """Whether a key is stored for that model: its own, or its factory's."""
        return f"{llm_name}@{factory}" in self.credentials or factory in self.credentials


@dataclass(frozen=True, slots=True)
class TenantModel:
    """One row of the TenantLLM table; its sort key is ``address``."""

    tenant_id: str
    llm_name: str
    llm_factory: str
    model_type: ModelType
    api_base: str | None = None
    max_tokens: int | None = None
    is_tools: bool | None = None
    used_tokens: int = 0
    status: str = "1"

    @property
    def address(self) -> str:
        """``llm_name@llm_factory``."""
        return f"{self.llm_name}@{self.llm_factory}"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is kept of a caller's token: ``token_id`` names it to people; the token itself is not kept."""

    tenant_id: str
    token_id: str
    label: str
    created_at: datetime
    expires_at: datetime | None = None

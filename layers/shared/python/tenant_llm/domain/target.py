"""A model that has been found: without its key (config) and with it (target)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenant_llm.domain.budget import Budget
from tenant_llm.domain.errors import CredentialMissing
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.trace import Content


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything about a tenant's model that may be logged, cached and answered.

    ``llm_name`` is the name the row is stored under, ``wire_name`` the one the provider knows. ``row`` is the
    row's address where the tenant has one; a keyless built-in model has none. ``own_url`` says that the base URL
    is the tenant's own and not the catalogue's. ``budgets`` are those of the tenant that calls of this model count for.
    ``fallbacks`` are the addresses to ask where this model, the tenant's default, does not answer.
    ``tracing`` is what its calls tell the tenant's Langfuse; ``None`` where it has none.
    """

    tenant_id: str
    llm_name: str
    factory: str
    model_type: ModelType
    dialect: str
    base_url: str
    wire_name: str
    quirks: Quirks = field(default_factory=Quirks)
    max_tokens: int = 8192
    is_tools: bool = False
    row: str | None = None
    own_url: bool = False
    needs_key: bool = True
    budgets: tuple[Budget, ...] = ()
    fallbacks: tuple[str, ...] = ()
    tracing: Content | None = None

    @property
    def address(self) -> str:
        """``llm_name@factory``, as usage is booked."""
        return f"{self.llm_name}@{self.factory}"

    def public(self) -> dict[str, str | int | bool]:
        """The config as callers see it, in the specification's field names."""
        return {
            "llm_factory": self.factory,
            "llm_name": self.llm_name,
            "api_base": self.base_url,
            "model_type": self.model_type.value,
            "max_tokens": self.max_tokens,
            "is_tools": self.is_tools,
        }


LANGFUSE = "langfuse"
"""Where a tenant's secret keeps its Langfuse keys, beside the factories' (no factory is called that)."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A decoded secret: named fields, most often just ``api_key``."""

    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    def get(self, name: str) -> str:
        """The field's value.

        Raises:
            CredentialMissing: When the tenant's credential has no such field.
        """
        try:
            return self.fields[name]
        except KeyError:
            raise CredentialMissing(f"the stored credential has no field {name!r}", param=name) from None


@dataclass(frozen=True, slots=True)
class Target:
    """A config and its credential: what a call needs; never logged."""

    config: ModelConfig
    credential: Credential = field(repr=False)

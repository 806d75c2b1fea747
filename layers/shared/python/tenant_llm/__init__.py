"""tenant-llm: every tenant's own LLMs, behind the names of the specification.

The map, each part importing only from those before it: ``domain`` (words and values); ``catalogue`` (what is known of
providers) and ``dialects`` (wires); ``transport``, ``repositories`` and ``telemetry`` (the outside world); ``services``
(use cases); ``surface`` (events and bodies); ``bootstrap`` (builds it all); ``models`` and ``library`` (the Python
surface).

The public names are loaded when first used; importing the package loads nothing else.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenant_llm.domain.model_type import ModelType as LLMType
    from tenant_llm.library import LLM4Tenant, LLMFactoriesService, TenantLLMService

__all__ = ["LLM4Tenant", "LLMFactoriesService", "LLMType", "TenantLLMService"]


def __getattr__(name: str) -> object:
    if name == "LLMType":
        from tenant_llm.domain.model_type import ModelType

        return ModelType
    if name in __all__:
        from tenant_llm import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

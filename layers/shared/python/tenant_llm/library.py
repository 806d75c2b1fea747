"""The Python surface: the specification's classes, over the same services that HTTP and direct callers reach.

It stands above ``bootstrap``, as the handlers of the functions do, since it has to find the services by itself.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tenant_llm import bootstrap
from tenant_llm.catalogue.load import is_factory, provider
from tenant_llm.catalogue.schema import Provider
from tenant_llm.domain.errors import LookupFailed, UnsupportedModelType
from tenant_llm.domain.names import parse_model_name
from tenant_llm.domain.target import LANGFUSE, ModelConfig
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.wire import JsonObject
from tenant_llm.models import Model, model_object
from tenant_llm.services.lookup import model_type

if TYPE_CHECKING:
    from langfuse import Langfuse


@dataclass(frozen=True, slots=True)
class TenantLLM:
    """A tenant's row together with its key. The key is in ``api_key`` alone, and in no repr."""

    row: TenantModel
    api_key: str | dict[str, str] | None = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)


class LLMFactoriesService:
    """What is known about factories."""

    model = Provider

    @classmethod
    def get_all(cls) -> list[JsonObject]:
        """Every factory of the catalogue, highest rank first: ``name, logo, tags, rank, status, url, …``."""
        return bootstrap.lookup_service().factories()

    @classmethod
    def query(cls, **fields: object) -> list[JsonObject]:
        """The factories whose fields have these values, for example ``query(name="OpenAI")``."""
        return [row for row in cls.get_all() if all(row.get(name) == value for name, value in fields.items())]

    @classmethod
    def get_by_id(cls, name: str) -> tuple[bool, Provider | None]:
        """Whether the factory exists, and its catalogue row."""
        row = provider(name)
        return row is not None, row


class TenantLLMService:
    """The tenants' models: finding, building and counting them."""

    model = TenantModel

    @classmethod
    def get_api_key(cls, tenant_id: str, model_name: str) -> TenantLLM | None:
        """The tenant's row for ``llm_name@llm_factory`` or a bare name, with its key; ``None`` where there is none.

        Raises:
            ServiceUnavailable: When the storage refuses.
        """
        row = bootstrap.resolution().row(tenant_id, model_name)
        return None if row is None else TenantLLM(row, _api_key(tenant_id, row.llm_name, row.llm_factory))

    @classmethod
    def get_my_llms(cls, tenant_id: str) -> list[JsonObject]:
        """The tenant's callable models: ``llm_factory, logo, tags, model_type, llm_name, used_tokens, status``."""
        return bootstrap.lookup_service().my_llms(tenant_id)

    @staticmethod
    def split_model_name_and_factory(model_name: str) -> tuple[str, str | None]:
        """``gpt-4@OpenAI`` → ``("gpt-4", "OpenAI")``; see ``domain.names`` for the rule."""
        name = parse_model_name(model_name, is_factory=is_factory)
        return name.llm_name, name.factory

    @classmethod
    def get_model_config(cls, tenant_id: str, llm_type: str, llm_name: str | None = None) -> JsonObject:
        """The config of the named model, else of the tenant's default, with its key.

        Returns:
            ``llm_factory, llm_name, api_base, model_type, max_tokens, is_tools`` and ``api_key``: the key as text, the
            credential's fields as a dict where it has several, or ``None`` for a keyless factory.

        Raises:
            LookupError: ``Tenant not found``, ``Type of … model is not set.`` or ``Model(…) not authorized``.
            InvalidRequest: When ``llm_type`` is unknown.
        """
        config = bootstrap.lookup_service().model_config(tenant_id, llm_type, llm_name)
        return {**config.public(), "api_key": _api_key(tenant_id, config.llm_name, config.factory)}

    @classmethod
    def model_instance(
        cls, tenant_id: str, llm_type: str, llm_name: str | None = None, lang: str = "Chinese", **kwargs: Any
    ) -> Model | None:
        """The model object, or ``None`` where that model's factory has no such type.

        ``kwargs`` are parameters sent with every call of the object.

        Raises:
            LookupError: As ``get_model_config``.
        """
        try:
            config = bootstrap.lookup_service().model_config(tenant_id, llm_type, llm_name)
        except UnsupportedModelType:
            return None
        return model_object(config, lang, kwargs)

    @classmethod
    def increase_usage(
        cls,
        tenant_id: str,
        llm_type: str,
        used_tokens: int,
        llm_name: str | None = None,
        *,
        request_id: str | None = None,
    ) -> int:
        """Add tokens to a model's row; with a ``request_id`` once, however often it is repeated.

        Model objects count their calls themselves. This is for tokens spent elsewhere.

        Returns:
            Rows updated: 1, or 0 where there is no such tenant, default or row.

        Raises:
            InvalidRequest: When the type is unknown, or ``used_tokens`` is not an integer of 0 or more.
        """
        try:
            return bootstrap.usage_service().increase(
                tenant_id, model_type(llm_type), used_tokens, llm_name, request_id
            )
        except LookupFailed:
            return 0

    @classmethod
    def get_openai_models(cls) -> list[JsonObject]:
        """All tenants' OpenAI models but its third-generation embeddings."""
        return bootstrap.lookup_service().openai_models()

    @staticmethod
    def llm_id2llm_type(llm_id: str) -> str | None:
        """The type of a model by the catalogue, else by any tenant's row; ``None`` where nobody knows it."""
        return bootstrap.lookup_service().llm_type(llm_id)


class LLM4Tenant:
    """A tenant's model, ready to be called.

    Attributes:
        mdl: the model object of that type.
        max_length: its limit in tokens.
        is_tools: whether the model calls tools.
        verbose_tool_use: what the caller asked for.

    Raises:
        LookupError: When the tenant has no such model, or no default of that type.
        AssertionError: When the model's factory has no such type.
    """

    def __init__(
        self, tenant_id: str, llm_type: str, llm_name: str | None = None, lang: str = "Chinese", **kwargs: Any
    ) -> None:
        self.tenant_id = tenant_id
        self.llm_type = llm_type
        self.llm_name = llm_name
        self.verbose_tool_use: bool = kwargs.pop("verbose_tool_use", False)
        self.config: ModelConfig = bootstrap.lookup_service().model_config(tenant_id, llm_type, llm_name)
        params = {"trace": self.trace_context, **kwargs} if self.trace_context else kwargs
        self.mdl: Any = model_object(self.config, lang, params)
        self.max_length = self.config.max_tokens
        self.is_tools = self.config.is_tools

    @property
    def langfuse(self) -> "Langfuse | None":
        """The Langfuse client of the tenant's own keys as they are now, made when first asked for; ``None`` without.

        Spans made with it under ``trace_context`` and the calls of ``mdl`` are one trace.
        """
        credential = bootstrap.secret_store().at(self.tenant_id, LANGFUSE)
        return None if credential is None else bootstrap.langfuse_clients().client(self.tenant_id, credential)

    @cached_property
    def trace_context(self) -> dict[str, str]:
        """``{"trace_id": …}``, the trace of this object's calls; empty without Langfuse keys. Reads no secret."""
        return {} if self.config.tracing is None else {"trace_id": uuid4().hex}


def _api_key(tenant_id: str, llm_name: str, factory: str) -> str | dict[str, str] | None:
    credential = bootstrap.secret_store().find(tenant_id, llm_name, factory)
    if credential is None:
        return None
    fields = dict(credential.fields)
    return fields["api_key"] if fields.keys() == {"api_key"} else fields

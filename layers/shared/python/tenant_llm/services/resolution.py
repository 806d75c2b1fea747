"""From a tenant, a model type and a name to the model that is meant."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Lock
from urllib.parse import quote

from cachetools import TTLCache

from tenant_llm.catalogue.load import is_factory, provider, providers
from tenant_llm.catalogue.profiles import profile
from tenant_llm.catalogue.schema import Provider
from tenant_llm.dialects.body import wire_model
from tenant_llm.domain.errors import (
    InvalidRequest,
    ModelNotAuthorized,
    ModelNotSet,
    TenantNotFound,
    UnsupportedModelType,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.names import ModelName, parse_model_name
from tenant_llm.domain.target import LANGFUSE, ModelConfig
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository

_DEFAULT_MAX_TOKENS = 8192
_SEES = {ModelType.CHAT, ModelType.IMAGE2TEXT}  # one wire: an image is a part of a message


class Resolution:
    """Finds models for tenants; keeps what it found for ``ttl`` seconds, keyed by tenant and bounded."""

    def __init__(
        self,
        rows: TenantLLMRepository,
        tenants: TenantRepository,
        *,
        ttl: float,
        builtin_base_url: str = "",
    ) -> None:
        self._rows = rows
        self._tenants = tenants
        self._builtin_base_url = builtin_base_url
        self._configs: TTLCache[tuple[str, ModelType, str | None], ModelConfig] = TTLCache(maxsize=1024, ttl=ttl)
        self._lock = Lock()

    def config(self, tenant_id: str, model_type: ModelType, model: str | None = None) -> ModelConfig:
        """The named model, else the tenant's default of that type.

        The order: the row as named; its legacy name; the same base name under another factory of the tenant; a
        keyless built-in factory that lists the name.

        Raises:
            LookupFailed: When there is no such tenant, default or model.
            UnsupportedModelType: When the model, or its factory, is not of that type.
        """
        key = (tenant_id, model_type, model)
        with self._lock:
            if (known := self._configs.get(key)) is not None:
                return known
        config = self._find_config(tenant_id, model_type, model)
        with self._lock:
            self._configs[key] = config
        return config

    def row(self, tenant_id: str, model_name: str) -> TenantModel | None:
        """The tenant's row for an address: as named, by its legacy name, or the first of that bare name."""
        name = parse_model_name(model_name, is_factory=is_factory)
        if name.factory is None:
            return self._best(tenant_id, name.llm_name)
        for address in _addresses(name):
            if (row := self._rows.find(tenant_id, address)) is not None:
                return row
        return None

    def _find_config(self, tenant_id: str, model_type: ModelType, model: str | None) -> ModelConfig:
        tenant = self._tenants.find(tenant_id)
        if tenant is None:
            raise TenantNotFound("Tenant not found", param="tenant_id")
        fallbacks = () if model else tenant.fallbacks.get(model_type, ())
        model = model or tenant.defaults.get(model_type)
        if not model:
            raise ModelNotSet(f"Type of {model_type} model is not set.", param="model")
        row = self.row(tenant_id, model)
        name = parse_model_name(model, is_factory=is_factory)
        if row is None and name.factory is not None:
            row = self._best(tenant_id, name.llm_name)
        if row is not None and row.status != "1":
            raise ModelNotAuthorized(f"Model({model}) not authorized", param="model")
        config = self._builtin(tenant_id, model_type, name) if row is None else _config_of(row, model_type)
        budgets = tuple(budget for budget in tenant.budgets if budget.model in (None, config.address))
        tracing = tenant.tracing if LANGFUSE in tenant.credentials else None
        return replace(config, budgets=budgets, fallbacks=fallbacks, tracing=tracing)

    def _best(self, tenant_id: str, llm_name: str) -> TenantModel | None:
        """Of the tenant's rows of that bare name, the one of the highest catalogue rank, then by factory name."""
        rows = self._rows.named(tenant_id, llm_name)
        return min(rows, key=lambda row: (-_rank(row.llm_factory), row.llm_factory), default=None)

    def _builtin(self, tenant_id: str, model_type: ModelType, name: ModelName) -> ModelConfig:
        for row in providers():
            named = name.factory in (None, row.name) and row.model(name.llm_name) is not None
            if row.builtin and named and model_type in row.dialects and self._builtin_base_url:
                url = self._builtin_base_url.replace("{model}", quote(name.llm_name, safe=""))
                model = TenantModel(tenant_id, name.llm_name, row.name, model_type, api_base=url)
                return _config(model, model_type, row, stored=False)
        raise ModelNotAuthorized(f"Model({name}) not authorized", param="model")


def _addresses(name: ModelName) -> Iterator[str]:
    """The address itself, then the ones older releases stored it under (``name___LocalAI@LocalAI``)."""
    yield str(name)
    row = provider(name.factory or "")
    for suffix in row.common_quirks.strip_suffix if row else ():
        yield f"{name.llm_name}{suffix}@{name.factory}"


def _rank(factory: str) -> int:
    row = provider(factory)
    return row.rank if row else 0


def _config_of(model: TenantModel, model_type: ModelType) -> ModelConfig:
    row = provider(model.llm_factory)
    if row is None:
        raise UnsupportedModelType(f"factory {model.llm_factory!r} is not in the catalogue", param="model")
    listed = row.model(model.llm_name)
    types = {model.model_type, *(listed.types if listed else ())}
    if types & _SEES:
        types |= _SEES
    if model_type not in types:
        raise UnsupportedModelType(
            f"model {model.address!r} is of type {model.model_type.value!r}, not {model_type.value!r}", param="model"
        )
    return _config(model, model_type, row, stored=True)


def _config(model: TenantModel, model_type: ModelType, row: Provider, *, stored: bool) -> ModelConfig:
    dialect = row.dialects.get(model_type)
    if dialect is None:
        reason = row.refused.get(model_type, f"it offers no {model_type} models")
        raise UnsupportedModelType(f"factory {row.name!r} cannot serve {model_type.value!r}: {reason}", param="model")
    base_url = model.api_base or row.base_urls.get(model_type) or row.base_url
    if not base_url:
        raise InvalidRequest(f"model {model.address!r} needs an api_base: its factory has none", param="api_base")
    quirks = row.quirks(model_type)
    stripped = wire_model(model.llm_name, quirks)
    listed = row.model(model.llm_name) or row.model(stripped)
    wire_name = listed.wire_name if listed else stripped
    tools = model.is_tools if model.is_tools is not None else (listed.tools if listed else None)
    return ModelConfig(
        tenant_id=model.tenant_id,
        llm_name=model.llm_name,
        factory=row.name,
        model_type=model_type,
        dialect=dialect,
        base_url=base_url,
        wire_name=wire_name,
        quirks=quirks.merge(profile(wire_name, model_type)).merge(row.profile(wire_name, model_type)),
        max_tokens=model.max_tokens or (listed.max_tokens if listed else None) or _DEFAULT_MAX_TOKENS,
        is_tools=bool(tools),
        row=model.address if stored else None,
        own_url=model.api_base is not None and stored,
        needs_key=row.needs_key,
    )

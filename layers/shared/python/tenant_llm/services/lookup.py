"""What a tenant has: its models, its defaults, the factories there are."""

from tenant_llm.catalogue.load import is_factory, provider, providers
from tenant_llm.domain.errors import InvalidRequest, TenantNotFound
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.names import parse_model_name
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.wire import JsonObject
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.services.resolution import Resolution

_NOT_OPENAI_MODELS = {"text-embedding-3-small", "text-embedding-3-large"}


def model_type(text: str) -> ModelType:
    """The enum's member.

    Raises:
        InvalidRequest: When there is none of that name; the message lists them.
    """
    try:
        return ModelType(text)
    except ValueError:
        known = ", ".join(ModelType)
        raise InvalidRequest(f"llm_type is {text!r}: not one of {known}", param="llm_type") from None


class LookupService:
    """Answers questions about models without calling any."""

    def __init__(self, resolution: Resolution, rows: TenantLLMRepository, tenants: TenantRepository) -> None:
        self._resolution = resolution
        self._rows = rows
        self._tenants = tenants

    def model_config(self, tenant_id: str, llm_type: str, llm_name: str | None = None) -> ModelConfig:
        """The config of the named model, else of the tenant's default; see ``Resolution.config``."""
        return self._resolution.config(tenant_id, model_type(llm_type), llm_name)

    def models(self, tenant_id: str) -> list[TenantModel]:
        """All rows of the tenant, by address.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        if self._tenants.find(tenant_id) is None:
            raise TenantNotFound("Tenant not found", param="tenant_id")
        return self._rows.list(tenant_id)

    def my_llms(self, tenant_id: str) -> list[JsonObject]:
        """The tenant's rows that can be called: a key is stored, or their factory needs none.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        tenant = self._tenants.find(tenant_id)
        if tenant is None:
            raise TenantNotFound("Tenant not found", param="tenant_id")
        result: list[JsonObject] = []
        for row in self._rows.list(tenant_id):
            factory = provider(row.llm_factory)
            if tenant.has_credential(row.llm_name, row.llm_factory) or (factory and not factory.needs_key):
                result.append(
                    {
                        "llm_factory": row.llm_factory,
                        "logo": factory.logo if factory else "",
                        "tags": factory.tags if factory else "",
                        "model_type": row.model_type.value,
                        "llm_name": row.llm_name,
                        "used_tokens": row.used_tokens,
                        "status": row.status,
                    }
                )
        return result

    def factories(self) -> list[JsonObject]:
        """The catalogue's factories, highest rank first."""
        return [
            {
                "name": row.name,
                "logo": row.logo,
                "tags": row.tags,
                "rank": row.rank,
                "status": row.status,
                "url": row.base_url,
                "model_types": list(row.dialects),
                "credential": list(row.credential),
                "credential_choices": [list(choice) for choice in row.credential_choices],
                "optional_credential": list(row.optional_credential),
            }
            for row in providers()
        ]

    def openai_models(self) -> list[JsonObject]:
        """All tenants' rows of OpenAI but its third-generation embeddings, as the specification has it."""
        return [
            {
                "tenant_id": row.tenant_id,
                "llm_factory": row.llm_factory,
                "llm_name": row.llm_name,
                "model_type": row.model_type.value,
                "api_base": row.api_base,
                "max_tokens": row.max_tokens,
                "status": row.status,
            }
            for row in self._rows.of_factory("OpenAI")
            if row.llm_name not in _NOT_OPENAI_MODELS
        ]

    def llm_type(self, llm_id: str, tenant_id: str | None = None) -> str | None:
        """The type of a model: the catalogue's, else that of a row; the last one named where there are several.

        With a ``tenant_id`` only that tenant's rows are looked at, else every tenant's.
        """
        name = parse_model_name(llm_id, is_factory=is_factory)
        rows = providers() if name.factory is None else [row for row in [provider(name.factory)] if row]
        for row in rows:
            if (listed := row.model(name.llm_name)) is not None:
                return listed.types[-1].value
        if tenant_id is not None:
            own = self._resolution.row(tenant_id, llm_id)
            return own.model_type.value if own else None
        types = self._rows.types_of(name.llm_name)
        return types[-1].value if types else None

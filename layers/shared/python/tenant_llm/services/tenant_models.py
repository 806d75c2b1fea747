"""What an operator sets up: tenants, their defaults, models, keys, tokens and budgets."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import uuid4

from tenant_llm.catalogue.load import is_factory, provider
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.errors import (
    Conflict,
    InvalidRequest,
    LookupFailed,
    NotFound,
    TenantNotFound,
    UnsupportedModelType,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.names import parse_model_name
from tenant_llm.domain.target import LANGFUSE
from tenant_llm.domain.tenant import DEFAULT_FIELDS, ApiToken, Tenant, TenantModel
from tenant_llm.domain.trace import Content
from tenant_llm.repositories.api_token import ApiTokenRepository
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tenant import TenantRepository
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.services import registration
from tenant_llm.services.resolution import Resolution
from tenant_llm.settings import Settings
from tenant_llm.transport.guard import check_url


class TenantModelsService:
    """Writes what the other services read. Everything is checked before anything is written."""

    def __init__(
        self,
        rows: TenantLLMRepository,
        tenants: TenantRepository,
        tokens: ApiTokenRepository,
        secrets: SecretStore,
        settings: Settings,
    ) -> None:
        self._rows = rows
        self._tenants = tenants
        self._tokens = tokens
        self._secrets = secrets
        self._check_url = partial(check_url, allow_private=settings.allow_private_providers)
        # Its own, without a memory: what an operator has just written must count at once.
        self._resolution = Resolution(rows, tenants, ttl=0, builtin_base_url=settings.builtin_base_url)

    def create(self, name: str, tenant_id: str | None = None) -> Tenant:
        """A new tenant, under a fresh id where none is given.

        Raises:
            InvalidRequest: When the id or the name cannot be one.
            Conflict: When there is a tenant of that id.
        """
        tenant = Tenant(uuid4().hex if tenant_id is None else tenant_id, name)
        registration.check_tenant_id(tenant.tenant_id)
        registration.check_text(name, "name")
        self._tenants.create(tenant)
        return tenant

    def tenants(self) -> Iterator[Tenant]:
        """All tenants, in no order, read page by page."""
        return self._tenants.list()

    def tenant(self, tenant_id: str) -> Tenant:
        """The tenant.

        Raises:
            TenantNotFound: When there is none of that id.
        """
        tenant = self._tenants.find(tenant_id)
        if tenant is None:
            raise TenantNotFound("Tenant not found", param="tenant_id")
        return tenant

    def delete(self, tenant_id: str) -> None:
        """Remove the tenant with its tokens, models and keys; its usage ledger stays, as accounts have to.

        The tenant itself goes late: after a failure on the way it is still there, and the delete can be repeated.

        Raises:
            TenantNotFound: When there is none of that id.
        """
        self.tenant(tenant_id)
        for token in self._tokens.list(tenant_id):
            self._tokens.revoke(tenant_id, token.token_id)
        for row in self._rows.list(tenant_id):
            self._rows.delete(tenant_id, row.address)
        self._secrets.delete(tenant_id)
        self._tenants.delete(tenant_id)
        self._secrets.delete(tenant_id)  # again, for a key that was put in between

    def set_defaults(
        self,
        tenant_id: str,
        changes: Mapping[ModelType, str | None],
        fallbacks: Mapping[ModelType, Sequence[str]] | None = None,
    ) -> Tenant:
        """Name the models to use where a call names none, and those to ask in their place where they do not answer.

        ``None`` takes a default away and its fallbacks with it, an empty list the fallbacks; types not given stay.

        Raises:
            TenantNotFound: When there is no such tenant.
            InvalidRequest: When the tenant cannot call a model as that type, or a fallback is told twice, has no
                default, or makes vectors that cannot be compared with the default's; ``param`` names the field.
        """
        tenant, fallbacks = self.tenant(tenant_id), fallbacks or {}
        checked = {
            model_type: None
            if model is None
            else self._callable(tenant_id, model_type, model, DEFAULT_FIELDS[model_type])
            for model_type, model in changes.items()
        }
        lists = dict(tenant.fallbacks)
        for model_type in {*checked, *fallbacks}:
            default = {**tenant.defaults, **checked}.get(model_type)
            kept = lists.pop(model_type, ())
            if models := fallbacks.get(model_type, kept if default else ()):
                lists[model_type] = self._fallbacks(tenant_id, model_type, default, models)
        if checked or fallbacks:
            self._tenants.set_defaults(tenant_id, checked, lists)
        return self.tenant(tenant_id)

    def models(self, tenant_id: str) -> list[TenantModel]:
        """The tenant's models, by address.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        self.tenant(tenant_id)
        return self._rows.list(tenant_id)

    def register(self, model: TenantModel, api_key: str | Mapping[str, str] | None = None) -> TenantModel:
        """Write a model, new or again, and its own key if one is given; what it has used stays counted.

        The key is written before the row: a key without a row is never read, while a row without its key would
        answer calls with errors.

        Raises:
            TenantNotFound: When there is no such tenant.
            InvalidRequest: When a field cannot be what it is; ``param`` names it.
            UnsupportedModelType: When the factory offers no such type.
        """
        self.tenant(model.tenant_id)
        row = registration.known_provider(model.llm_factory, "llm_factory")
        registration.check_llm_name(model.llm_name, row.name)
        registration.check_offer(row, model.model_type)
        if model.api_base is not None:
            self._check_url(model.api_base)
        elif registration.needs_base_url(row, model.model_type):
            raise InvalidRequest(
                f"api_base is missing: factory {row.name!r} has no address of its own", param="api_base"
            )
        fields = None if api_key is None else registration.credential_fields(row, api_key)
        if fields is not None:
            self._secrets.put(model.tenant_id, model.address, fields)
        return self._rows.put(model)

    def unregister(self, tenant_id: str, address: str) -> None:
        """Remove a model and its own key; the factory's key stays.

        The row goes first, so that a failure on the way leaves a key that nothing reads.

        Raises:
            TenantNotFound: When there is no such tenant.
            NotFound: When the tenant has no such model.
            Conflict: When it is one of the tenant's defaults, or of their fallbacks.
        """
        tenant = self.tenant(tenant_id)
        for model_type, default in tenant.defaults.items():
            if default == address:
                raise Conflict(
                    f"model {address!r} is the tenant's default {DEFAULT_FIELDS[model_type]!r}: change that first",
                    param="model",
                )
        for model_type, fallbacks in tenant.fallbacks.items():
            if address in fallbacks:
                raise Conflict(
                    f"model {address!r} is a fallback of {DEFAULT_FIELDS[model_type]!r}: change that first",
                    param="model",
                )
        if not self._rows.delete(tenant_id, address):
            raise NotFound(f"the tenant has no model {address!r}", param="model")
        self._secrets.remove(tenant_id, address)

    def set_budgets(self, tenant_id: str, budgets: Sequence[Budget]) -> None:
        """Give the tenant these budgets and no others. Calls that run keep what they hold of the ones that go.

        Raises:
            TenantNotFound: When there is no such tenant.
            InvalidRequest: When one limits nothing, or is told twice, or names a model that the tenant does not have.
        """
        self.tenant(tenant_id)
        for number, budget in enumerate(budgets):
            registration.check_budget(budget, budgets[:number], f"budgets[{number}]")
            if budget.model is not None and not self._has(tenant_id, budget.model):
                raise InvalidRequest(
                    f"budgets[{number}].model is {budget.model!r}: the tenant has no such model",
                    param=f"budgets[{number}].model",
                )
        self._tenants.set_budgets(tenant_id, budgets)

    def set_tracing(self, tenant_id: str, content: Content) -> Tenant:
        """Say what of inputs and outputs the tenant's Langfuse is told, where the tenant has keys of it.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        self._tenants.set_tracing(tenant_id, content)
        return self.tenant(tenant_id)

    def put_credential(self, tenant_id: str, place: str, api_key: str | Mapping[str, str]) -> Tenant:
        """Store a key for a factory (``OpenAI``) or for one model of it (``gpt-4@OpenAI``), instead of the one there.

        Raises:
            TenantNotFound: When there is no such tenant.
            InvalidRequest: When no factory of the catalogue is named, or the key has not its fields, or Langfuse's host
                is none that may be dialled.
            Conflict: When another change of the tenant's keys came between.
        """
        self.tenant(tenant_id)
        fields = registration.credential_fields(registration.place_provider(place), api_key)
        if place == LANGFUSE and "host" in fields:
            self._check_langfuse_host(fields["host"])
        self._secrets.put(tenant_id, place, fields)
        return self.tenant(tenant_id)

    def remove_credential(self, tenant_id: str, place: str) -> None:
        """Forget a key.

        Raises:
            TenantNotFound: When there is no such tenant.
            NotFound: When no key is stored there.
            Conflict: When others kept changing the tenant's keys.
        """
        known = place in self.tenant(tenant_id).credentials
        # Also where none is known: a put that broke off may have left a key that nobody knows of.
        self._secrets.remove(tenant_id, place)
        if not known:
            raise NotFound(f"the tenant has no key at {place!r}", param="place")

    def issue_token(self, tenant_id: str, label: str, expires_at: datetime | None = None) -> tuple[str, ApiToken]:
        """A new token for the tenant's callers, and what is kept of it: its hash. It cannot be read again.

        Raises:
            TenantNotFound: When there is no such tenant.
            InvalidRequest: When the label cannot be one.
        """
        self.tenant(tenant_id)
        registration.check_text(label, "label")
        return self._tokens.issue(tenant_id, label, expires_at)

    def tokens(self, tenant_id: str) -> list[ApiToken]:
        """The tenant's tokens, without what would open anything.

        Raises:
            TenantNotFound: When there is no such tenant.
        """
        self.tenant(tenant_id)
        return self._tokens.list(tenant_id)

    def revoke_token(self, tenant_id: str, token_id: str) -> None:
        """End a token. API Gateway may honour it until its authorizer's cache forgets it.

        Raises:
            NotFound: When the tenant has no such token.
        """
        if not self._tokens.revoke(tenant_id, token_id):
            raise NotFound(f"the tenant has no token {token_id!r}", param="token_id")

    def _check_langfuse_host(self, host: str) -> None:
        try:
            self._check_url(host)
        except InvalidRequest as error:  # without the value: whatever is sent as a key is quoted nowhere
            message = "api_key.host is not the https URL of a public host"
            raise InvalidRequest(message, param="api_key.host", code=error.code) from None

    def _has(self, tenant_id: str, address: str) -> bool:
        """Whether calls are booked under that very address: of a row, or of a built-in model."""
        if self._rows.find(tenant_id, address) is not None:
            return True
        name = parse_model_name(address, is_factory=is_factory)
        row = provider(name.factory or "")
        return row is not None and row.builtin and row.model(name.llm_name) is not None

    def _fallbacks(
        self, tenant_id: str, model_type: ModelType, default: str | None, models: Sequence[str]
    ) -> tuple[str, ...]:
        """The addresses of a default's fallbacks, as calls will find them."""
        field = f"fallbacks.{DEFAULT_FIELDS[model_type]}"
        if default is None:
            raise InvalidRequest(f"{field} is {[*models]!r}: there is no default to fall back from", param=field)
        asked = [default]
        for number, model in enumerate(models):
            param = f"{field}[{number}]"
            address = self._callable(tenant_id, model_type, model, param)
            registration.check_fallback(address, asked, model_type, param)
            asked.append(address)
        return tuple(asked[1:])

    def _callable(self, tenant_id: str, model_type: ModelType, model: str, param: str) -> str:
        """The address of a model, as calls will find it; ``param`` names where it was said."""
        if not model:
            raise InvalidRequest(f"{param} is {model!r}: not a model; null takes the default away", param=param)
        try:
            config = self._resolution.config(tenant_id, model_type, model)
        except (LookupFailed, UnsupportedModelType, InvalidRequest) as error:
            raise InvalidRequest(f"{param} is {model!r}: {error.message}", param=param) from error
        factory = parse_model_name(model, is_factory=is_factory).factory
        if factory not in (None, config.factory):
            # A call falls back on the same name of another factory; a default has to say which one it means.
            raise InvalidRequest(f"{param} is {model!r}: the tenant has no such model", param=param)
        return config.address

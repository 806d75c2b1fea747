"""What an operator sends and sees: tenants, defaults, models, keys, budgets, tracing, tokens. No answer holds a key.

The operations take the service beside the call; ``bind`` makes them operations of the entrypoint.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.tenant import DEFAULT_FIELDS, ApiToken, Tenant, TenantModel
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.admin_bodies import (
    BudgetsBody,
    CredentialBody,
    DefaultsBody,
    ModelBody,
    TenantBody,
    TokenBody,
    TracingBody,
    ask,
    key,
)
from tenant_llm.surface.arguments import argument
from tenant_llm.surface.entrypoint import Answer, Call, Operation

if TYPE_CHECKING:
    # Not at run time: it brings the tables' client, which a handler loads only when it is prepared.
    from tenant_llm.services.tenant_models import TenantModelsService

type AdminOperation = Callable[[Call, "TenantModelsService"], Answer]


def bind(service: Callable[[], "TenantModelsService"], operation: AdminOperation) -> Operation:
    """The operation with its service, which is asked for when it is needed; it keeps its name."""

    @wraps(operation)
    def bound(call: Call) -> Answer:
        return operation(call, service())

    return bound


def list_tenants(call: Call, service: "TenantModelsService") -> Answer:  # noqa: ARG001 (every operation takes a call)
    """``{"tenants": [...]}``."""
    return Answer({"tenants": [_tenant(tenant) for tenant in service.tenants()]})


def create_tenant(call: Call, service: "TenantModelsService") -> Answer:
    """The tenant, 201."""
    body = ask(TenantBody, call)
    tenant_id = call.caller.tenant_id or None if body.tenant_id is None else body.tenant_id  # a direct event's is there
    return Answer(_tenant(service.create(body.name, tenant_id)), status=201)


def get_tenant(call: Call, service: "TenantModelsService") -> Answer:
    """The tenant."""
    return Answer(_tenant(service.tenant(_tenant_id(call))))


def delete_tenant(call: Call, service: "TenantModelsService") -> Answer:
    """``{"deleted": 1}``."""
    service.delete(_tenant_id(call))
    return Answer({"deleted": 1})


def set_defaults(call: Call, service: "TenantModelsService") -> Answer:
    """The tenant, with its defaults as they are now."""
    body = ask(DefaultsBody, call)
    return Answer(_tenant(service.set_defaults(_tenant_id(call), body.changes(), body.fallback_changes())))


def list_tenant_models(call: Call, service: "TenantModelsService") -> Answer:
    """``{"models": [...]}``, by address."""
    tenant = service.tenant(_tenant_id(call))
    return Answer({"models": [_model(row, tenant) for row in service.models(tenant.tenant_id)]})


def put_model(call: Call, service: "TenantModelsService") -> Answer:
    """The model as it is stored now."""
    body = ask(ModelBody, call)
    model = TenantModel(
        tenant_id=_tenant_id(call),
        llm_name=body.llm_name,
        llm_factory=body.llm_factory,
        model_type=body.model_type,
        api_base=body.api_base,
        max_tokens=body.max_tokens,
        is_tools=body.is_tools,
    )
    stored = service.register(model, None if body.api_key is None else key(body.api_key))
    return Answer(_model(stored, service.tenant(stored.tenant_id)))


def remove_model(call: Call, service: "TenantModelsService") -> Answer:
    """``{"deleted": 1}``."""
    service.unregister(_tenant_id(call), argument(call, "model"))
    return Answer({"deleted": 1})


def put_credential(call: Call, service: "TenantModelsService") -> Answer:
    """Where the key applies and its masked tail."""
    place = argument(call, "place")
    tenant = service.put_credential(_tenant_id(call), place, key(ask(CredentialBody, call).api_key))
    return Answer({"place": place, "api_key": tenant.credentials.get(place)})


def remove_credential(call: Call, service: "TenantModelsService") -> Answer:
    """``{"deleted": 1}``."""
    service.remove_credential(_tenant_id(call), argument(call, "place"))
    return Answer({"deleted": 1})


def set_budgets(call: Call, service: "TenantModelsService") -> Answer:
    """``{"budgets": [...]}``, as they are now."""
    budgets = ask(BudgetsBody, call).asked()
    service.set_budgets(_tenant_id(call), budgets)
    return Answer({"budgets": [asdict(budget) for budget in budgets]})


def remove_budgets(call: Call, service: "TenantModelsService") -> Answer:
    """``{"deleted": …}``, how many there were."""
    tenant = service.tenant(_tenant_id(call))
    service.set_budgets(tenant.tenant_id, ())
    return Answer({"deleted": len(tenant.budgets)})


def set_tracing(call: Call, service: "TenantModelsService") -> Answer:
    """The tenant, with what its Langfuse is told from now on."""
    return Answer(_tenant(service.set_tracing(_tenant_id(call), ask(TracingBody, call).content)))


def issue_token(call: Call, service: "TenantModelsService") -> Answer:
    """The token, 201; this once, since only its hash is kept."""
    body = ask(TokenBody, call)
    days = body.expires_in_days
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    secret, token = service.issue_token(_tenant_id(call), body.label, expires_at)
    return Answer({"token": secret, **_token(token)}, status=201)


def list_tokens(call: Call, service: "TenantModelsService") -> Answer:
    """``{"tokens": [...]}``, without what would open anything."""
    return Answer({"tokens": [_token(token) for token in service.tokens(_tenant_id(call))]})


def revoke_token(call: Call, service: "TenantModelsService") -> Answer:
    """``{"deleted": 1}``."""
    service.revoke_token(_tenant_id(call), argument(call, "token_id"))
    return Answer({"deleted": 1})


def _tenant_id(call: Call) -> str:
    """The tenant that the path names, or the direct event, which has to."""
    if not call.caller.tenant_id.strip():
        raise InvalidRequest(f"tenant_id is {call.caller.tenant_id!r}: not a tenant's id", param="tenant_id")
    return call.caller.tenant_id


def _tenant(tenant: Tenant) -> JsonObject:
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        **{name: tenant.defaults.get(model_type) for model_type, name in DEFAULT_FIELDS.items()},
        "fallbacks": {DEFAULT_FIELDS[model_type]: [*models] for model_type, models in tenant.fallbacks.items()},
        "credentials": dict(tenant.credentials),
        "tracing": {"content": tenant.tracing},
    }


def _model(row: TenantModel, tenant: Tenant) -> JsonObject:
    masked = tenant.credentials.get(row.address) or tenant.credentials.get(row.llm_factory)
    return {
        "model": row.address,
        "llm_name": row.llm_name,
        "llm_factory": row.llm_factory,
        "model_type": row.model_type.value,
        "api_base": row.api_base,
        "max_tokens": row.max_tokens,
        "is_tools": row.is_tools,
        "used_tokens": row.used_tokens,
        "status": row.status,
        "api_key": masked,
    }


def _token(token: ApiToken) -> JsonObject:
    return {
        "token_id": token.token_id,
        "label": token.label,
        "created_at": token.created_at.isoformat(),
        "expires_at": None if token.expires_at is None else token.expires_at.isoformat(),
    }

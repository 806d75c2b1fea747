"""Operators' routes, ``/admin/…``; IAM decides who may call them."""

from functools import partial

from tenant_llm.bootstrap import budget_service, lookup_service, tenant_models_service, usage_report_service
from tenant_llm.surface import admin, budgets, usage_report
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint

_on = partial(admin.bind, tenant_models_service)


def list_openai_models(call: Call) -> Answer:  # noqa: ARG001 (every operation takes a call)
    """See ``LookupService.openai_models``."""
    return Answer({"object": "list", "data": lookup_service().openai_models()})


def get_tenant_usage(call: Call) -> Answer:
    """What a tenant has used, in a period; a deleted one's accounts are still there."""
    return usage_report.report(call, usage_report_service)


def list_budgets(call: Call) -> Answer:
    """As ``get_budgets`` of the tenant itself."""
    return Answer(budgets.render(budget_service().states(call.caller.tenant_id)))


handler = entrypoint(
    {
        "GET /admin/tenants": _on(admin.list_tenants),
        "POST /admin/tenants": _on(admin.create_tenant),
        "GET /admin/tenants/{tenant_id}": _on(admin.get_tenant),
        "DELETE /admin/tenants/{tenant_id}": _on(admin.delete_tenant),
        "PUT /admin/tenants/{tenant_id}/defaults": _on(admin.set_defaults),
        "GET /admin/tenants/{tenant_id}/models": _on(admin.list_tenant_models),
        "PUT /admin/tenants/{tenant_id}/models": _on(admin.put_model),
        "DELETE /admin/tenants/{tenant_id}/models/{model+}": _on(admin.remove_model),
        "PUT /admin/tenants/{tenant_id}/credentials/{place+}": _on(admin.put_credential),
        "DELETE /admin/tenants/{tenant_id}/credentials/{place+}": _on(admin.remove_credential),
        "GET /admin/tenants/{tenant_id}/budgets": list_budgets,
        "PUT /admin/tenants/{tenant_id}/budgets": _on(admin.set_budgets),
        "DELETE /admin/tenants/{tenant_id}/budgets": _on(admin.remove_budgets),
        "PUT /admin/tenants/{tenant_id}/tracing": _on(admin.set_tracing),
        "POST /admin/tenants/{tenant_id}/tokens": _on(admin.issue_token),
        "GET /admin/tenants/{tenant_id}/tokens": _on(admin.list_tokens),
        "DELETE /admin/tenants/{tenant_id}/tokens/{token_id}": _on(admin.revoke_token),
        "GET /admin/tenants/{tenant_id}/usage": get_tenant_usage,
        "GET /admin/openai-models": list_openai_models,
    },
    operator=True,
    prepare=tenant_models_service,
)

"""Lambda authorizer of the tenants' routes: a bearer token becomes a tenant id."""

from typing import Any

from tenant_llm.bootstrap import token_repository
from tenant_llm.surface.authorizer import authorize


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 (Lambda passes it)
    """See ``surface.authorizer.authorize``. A failure of the table raises as it is, and API Gateway answers 500."""
    return authorize(event, token_repository().tenant_of)

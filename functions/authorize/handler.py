"""Lambda authorizer of the tenants' routes: a bearer token becomes a tenant id."""

from tenant_llm.bootstrap import token_repository
from tenant_llm.surface.authorizer import authorizer

handler = authorizer(token_repository)

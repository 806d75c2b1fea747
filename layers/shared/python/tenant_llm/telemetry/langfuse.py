"""The only importer of the Langfuse SDK."""

from langfuse import Langfuse
from opentelemetry.sdk.trace import TracerProvider

from tenant_llm.domain.target import Credential


def client(credential: Credential) -> Langfuse:
    """A client for one tenant's ``public_key``, ``secret_key`` and, where it is not Langfuse's own cloud, ``host``.

    It gets a tracer provider of its own, since the SDK otherwise installs a process-wide one, and a tenant's spans
    would reach whoever came first (https://langfuse.com/docs/observability/sdk/python/advanced-usage).

    Raises:
        CredentialMissing: When one of the two keys is not stored.
    """
    return Langfuse(
        public_key=credential.get("public_key"),
        secret_key=credential.get("secret_key"),
        host=credential.fields.get("host"),
        tracer_provider=TracerProvider(),
    )

"""Bringing generations from the queue to the tenants' Langfuse, each tenant's with its own keys."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from gzip import compress
from time import monotonic

from cachetools import TTLCache

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import CredentialRejected
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import LANGFUSE, Credential, ModelConfig, Target
from tenant_llm.domain.trace import Generation
from tenant_llm.domain.trace_json import encode
from tenant_llm.domain.wire import Bearer, WireRequest
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.services.batches import batches, in_parallel
from tenant_llm.telemetry import langfuse
from tenant_llm.transport.http import HttpTransport

SECONDS = 8.0
"""How long a tenant's Langfuse may take for one request."""

# Langfuse takes 4.5 MB a request, as servers of its kind do; a record may be 1 MB.
_MOST_BYTES = 3_000_000
_SLOW_SECONDS = 0.5
_PAUSE_SECONDS = 60.0
_PAUSED_TENANTS = 1024
_PATH = "/api/public/otel/v1/traces"
_HEADERS = {
    "content-type": "application/x-protobuf",
    "content-encoding": "gzip",
    "x-langfuse-ingestion-version": "4",  # to be seen at once: https://langfuse.com/integrations/native/opentelemetry
}


class TraceExport:
    """Sends generations; ``clock`` is a seam for tests.

    A Langfuse that takes its time to fail is left alone for a minute, in which its tenant's generations fail at once,
    so that it costs the other tenants' no more of it.
    """

    def __init__(self, secrets: SecretStore, transport: HttpTransport, clock: Callable[[], float] = monotonic) -> None:
        self._secrets = secrets
        self._transport = transport
        self._clock = clock
        self._paused: TTLCache[str, Exception] = TTLCache(_PAUSED_TENANTS, _PAUSE_SECONDS, timer=clock)

    def export_all(
        self, generations: Sequence[Generation], has_time: Callable[[], bool] = lambda: True
    ) -> list[Exception | None]:
        """Send generations, all of a tenant's together; ``has_time`` is asked before each request.

        Returns:
            What kept each of them from being sent, in their order; ``None`` where Langfuse has it, and also where its
            tenant has no keys any longer: then nobody is to be told. One that is not sent may be sent again.
        """
        errors: list[Exception | None] = [None] * len(generations)
        places: dict[str, list[int]] = {}
        for place, generation in enumerate(generations):
            places.setdefault(generation.tenant_id, []).append(place)

        def export(of_tenant: list[int]) -> None:
            weights = [len(encode(generations[place])) for place in of_tenant]
            for run in batches(of_tenant, None, weights, _MOST_BYTES):
                refusal = self._refusal([generations[place] for place in run], has_time)
                for place in run:
                    errors[place] = refusal

        if places:
            in_parallel(export, list(places.values()))
        return errors

    def _refusal(self, generations: list[Generation], has_time: Callable[[], bool]) -> Exception | None:
        tenant_id = generations[0].tenant_id
        if not has_time():
            return TimeoutError("no time was left")
        if (pause := self._paused.get(tenant_id)) is not None:
            return pause
        began = self._clock()
        try:
            self._send(tenant_id, langfuse.encoded(generations))
        except Exception as error:  # noqa: BLE001 (told with each)
            if self._clock() - began > _SLOW_SECONDS:
                self._paused[tenant_id] = error
            return error
        return None

    def _send(self, tenant_id: str, body: bytes) -> None:
        """Send to the tenant's Langfuse; keys that it refuses are read again once."""
        credential = self._secrets.at(tenant_id, LANGFUSE)
        if credential is None:
            return
        try:
            self.post(credential, body)
        except CredentialRejected:
            self._secrets.forget(tenant_id)
            fresh = self._secrets.at(tenant_id, LANGFUSE)
            if fresh == credential:
                raise
            if fresh is not None:
                self.post(fresh, body)

    def post(self, credential: Credential, body: bytes) -> None:
        """Send spans in OTLP's binary form with a tenant's keys, under the guard that providers' URLs are under.

        Raises:
            CredentialMissing: When one of the two keys is not stored.
            CredentialRejected: When Langfuse refuses them.
            InvalidRequest: When the host may not be dialled.
            ProviderError: When Langfuse refuses, fails or cannot be reached.
            DeadlineExceeded: When it takes too long.
        """
        wire = WireRequest(
            f"{langfuse.host(credential)}{_PATH}",
            headers=_HEADERS,
            content=compress(body, mtime=0),
            auth=Bearer("basic", scheme="Basic"),
        )
        self._transport.send(wire, _target(credential), Deadline.after(SECONDS))


def _target(credential: Credential) -> Target:
    """No model; the URL is the tenant's own, so the operator's private endpoint is not for it."""
    config = ModelConfig("", "", "", ModelType.CHAT, "", langfuse.host(credential), "", own_url=True)
    keys = f"{credential.get('public_key')}:{credential.get('secret_key')}"
    return Target(config, Credential({"basic": b64encode(keys.encode()).decode()}))

"""The only importer of the Langfuse SDK: it makes spans of generations, and clients of tenants' own keys.

Attributes have OpenTelemetry's names for generative AI where there is one
(https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/), beside those that the SDK writes.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from math import ceil
from threading import Lock
from typing import override

from langfuse import Langfuse, LangfuseEmbedding, LangfuseGeneration, LangfuseOtelSpanAttributes
from langfuse._client.resource_manager import LangfuseResourceManager
from langfuse.types import SpanLevel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from tenant_llm.catalogue.load import slug
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential
from tenant_llm.domain.trace import Generation
from tenant_llm.domain.usage import Usage

CLOUD = "https://cloud.langfuse.com"
"""Where a tenant's Langfuse is that names no ``host``."""

type Value = str | int | float | bool | Sequence[str]
type Send = Callable[[Credential, bytes], None]

_OPERATIONS = {ModelType.CHAT: "chat", ModelType.IMAGE2TEXT: "chat", ModelType.EMBEDDING: "embeddings"}
_NUMBERS = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "max_tokens")
_HALF = 16
_RESOURCE = {"service.name": "tenant-llm"}
_CLIENTS = 64
_building = Lock()


def host(credential: Credential) -> str:
    """Where the tenant's Langfuse is, without a slash at the end."""
    return credential.fields.get("host", CLOUD).rstrip("/")


def encoded(generations: Sequence[Generation]) -> bytes:
    """The generations as spans, as the official SDK makes them, in OTLP's binary form.

    The SDK knows neither keys nor hosts here, and sends nothing: it is one client for all tenants, whose spans are
    taken out as they were put in.
    """
    return _recorder().record(generations)


class _Recorder:
    """The SDK over an exporter that keeps what it is given. One at a time: the ids are the next span's."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids = _Ids()
        self._kept: list[ReadableSpan] = []
        self._provider = TracerProvider(id_generator=self._ids, resource=Resource(_RESOURCE), shutdown_on_exit=False)
        self._tracer = self._provider.get_tracer("tenant-llm")
        self._client = Langfuse(
            public_key="none",
            secret_key="none",  # noqa: S106 - nothing is sent
            base_url="http://localhost:0",
            tracer_provider=self._provider,
            span_exporter=_Exporter(self._kept.extend),
        )

    def record(self, generations: Sequence[Generation]) -> bytes:
        with self._lock:
            for generation in generations:
                self._span(generation)
            self._provider.force_flush()
            spans = list(self._kept)
            self._kept.clear()
        if len(spans) != len(generations):
            raise RuntimeError(f"of {len(generations)} generations the SDK has made {len(spans)} spans")
        return _bytes(spans)

    def _span(self, generation: Generation) -> None:
        context, embeds = generation.context, generation.model_type is ModelType.EMBEDDING
        self._ids.trace_id, self._ids.span_id = int(context.trace_id, _HALF), int(generation.span_id, _HALF)
        span = self._tracer.start_span(
            f"{_operation(generation)} {generation.llm_name}",
            _parent(generation),
            SpanKind.CLIENT,
            _attributes(generation),
            start_time=_nanoseconds(generation.started_at),
        )
        observation = (LangfuseEmbedding if embeds else LangfuseGeneration)(
            otel_span=span,
            langfuse_client=self._client,
            input=generation.input,
            output=generation.output,
            model=generation.llm_name,
            model_parameters=dict(generation.parameters),
            usage_details=None if generation.usage is None else _usage_details(generation.usage),
            completion_start_time=generation.first_token_at,
            metadata=_metadata(generation),
            level=_level(generation),
            status_message=_status_message(generation),
        )
        observation.end(end_time=_nanoseconds(generation.ended_at))


class _Ids(IdGenerator):
    """The ids that the next span is to have."""

    trace_id = 0
    span_id = 0

    @override
    def generate_trace_id(self) -> int:
        return self.trace_id

    @override
    def generate_span_id(self) -> int:
        return self.span_id


class _Exporter(SpanExporter):
    """Hands spans on; what is raised then is a failure."""

    def __init__(self, take: Callable[[Sequence[ReadableSpan]], None]) -> None:
        self._take = take

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            self._take(spans)
        except Exception:  # noqa: BLE001 (the SDK's callers are not to fail by it)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    @override
    def shutdown(self) -> None:
        pass

    @override
    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


def _recorder() -> _Recorder:
    with _building:  # a second one would get the first one's resources, and no spans
        return _the_recorder()


@cache
def _the_recorder() -> _Recorder:
    return _Recorder()


class Clients:
    """The SDK's clients of the tenants' keys, one a tenant, for code that traces by itself.

    The SDK keeps its clients by their public key alone: a changed secret would not be noticed, and a tenant that stores
    another's public key with a host of its own would get that one's spans. So it is made to forget each client, and
    they are kept here by tenant. What they send goes over ``send``, which asks the guard.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[Credential, Langfuse]] = OrderedDict()

    def client(self, tenant_id: str, credential: Credential) -> Langfuse:
        """The client for a tenant's ``public_key``, ``secret_key`` and, where it is not Langfuse's own cloud, ``host``.

        One whose keys have changed, and one that was not asked for longest where there are too many, is shut down.

        Raises:
            CredentialMissing: When one of the two keys is not stored.
        """
        gone: list[Langfuse] = []
        with self._lock:
            known = self._kept.pop(tenant_id, None)
            if known is not None and known[0] != credential:
                gone.append(known[1])
                known = None
            self._kept[tenant_id] = known or (credential, _client(credential, self._send))
            if len(self._kept) > _CLIENTS:
                gone.append(self._kept.popitem(last=False)[1][1])
            found = self._kept[tenant_id][1]
        for client in gone:
            _end(client)
        return found

    def close(self) -> None:
        """Send what is left, and end the clients and their threads."""
        with self._lock:
            clients = [client for _, client in self._kept.values()]
            self._kept.clear()
        for client in clients:
            _end(client)


def _client(credential: Credential, send: Send) -> Langfuse:
    public_key, secret_key = credential.get("public_key"), credential.get("secret_key")
    LangfuseResourceManager._instances.pop(public_key, None)
    try:
        return Langfuse(
            public_key=public_key,
            secret_key=secret_key,
            base_url=host(credential),
            # Else the SDK installs a process-wide one, and spans of any tenant would reach whoever came first.
            tracer_provider=TracerProvider(resource=Resource(_RESOURCE), shutdown_on_exit=False),
            span_exporter=_Exporter(lambda spans: send(credential, _bytes(spans))),
        )
    finally:
        LangfuseResourceManager._instances.pop(public_key, None)


def _bytes(spans: Sequence[ReadableSpan]) -> bytes:
    return bytes(encode_spans(spans).SerializeToString())


def _end(client: Langfuse) -> None:
    client.shutdown()
    resources = client._resources
    if resources is not None:  # threads that the SDK's own shutdown leaves
        resources.prompt_cache._task_manager.shutdown()
        if resources.tracer_provider is not None:
            resources.tracer_provider.shutdown()


def _parent(generation: Generation) -> Context:
    parent = generation.context.parent_id
    if parent is None:
        return Context()
    sampled = TraceFlags(TraceFlags.SAMPLED)
    trace_id, span_id = int(generation.context.trace_id, _HALF), int(parent, _HALF)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, True, sampled)), Context())  # noqa: FBT003


def _operation(generation: Generation) -> str:
    return _OPERATIONS.get(generation.model_type, generation.model_type.value)


def _attributes(generation: Generation) -> dict[str, Value]:
    context, usage, error = generation.context, generation.usage, generation.error
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": _operation(generation),
        "gen_ai.provider.name": slug(generation.factory),
        "gen_ai.request.model": generation.llm_name,
        "gen_ai.response.finish_reasons": generation.finish_reasons or None,
        "gen_ai.conversation.id": context.session_id,
        "error.type": None if error is None else error.code,
        "gen_ai.response.time_to_first_chunk": _until_first(generation),
        LangfuseOtelSpanAttributes.TRACE_SESSION_ID: context.session_id,
        LangfuseOtelSpanAttributes.TRACE_USER_ID: context.user_id,
        **{f"gen_ai.request.{name}": _number(generation.parameters.get(name)) for name in _NUMBERS},
        **({} if usage is None else _usage_attributes(usage)),
    }
    return {name: value for name, value in found.items() if value is not None}


def _usage_attributes(usage: Usage) -> dict[str, Value | None]:
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
    }


def _usage_details(usage: Usage) -> dict[str, int]:
    """Langfuse adds up what has ``input`` or ``output`` in its name, so that parts are taken out of their wholes.

    https://langfuse.com/docs/observability/features/token-and-cost-tracking
    """
    parts = {
        "input": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "input_cached_tokens": usage.cached_tokens,
        "input_cache_creation": usage.cache_write_tokens,
        "output": usage.output_tokens - usage.reasoning_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        **{unit: ceil(amount) for unit, amount in usage.native.items()},
    }
    kept = {name: max(0, count) for name, count in parts.items() if count or name in ("input", "output")}
    return {**kept, "total": usage.total_tokens}


def _metadata(generation: Generation) -> Mapping[str, object]:
    usage, error = generation.usage, generation.error
    return {
        "request_id": generation.request_id,
        "factory": generation.factory,
        "model_type": generation.model_type.value,
        "status": generation.status,
        "estimated": usage.estimated if usage is not None else None,
        "error": None if error is None else {"type": error.type, "code": error.code, "status": error.status},
    }


def _status_message(generation: Generation) -> str | None:
    if generation.error is not None:
        return generation.error.message or generation.error.code
    return None if generation.status == "ok" else generation.status


def _level(generation: Generation) -> SpanLevel | None:
    if generation.error is not None or generation.status in ("failed", "interrupted"):
        return "ERROR"
    return None if generation.status == "ok" else "WARNING"


def _until_first(generation: Generation) -> float | None:
    first = generation.first_token_at
    return None if first is None else max(0.0, (first - generation.started_at).total_seconds())


def _number(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000) * 1_000

"""The composition root: the one place that builds things, each once a process, when first asked for.

Every import of something heavy stands inside the function that needs it, so that a function of the bundle loads what
it serves and nothing else.
"""

from functools import cache
from typing import TYPE_CHECKING

from tenant_llm.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence

    from tenant_llm.repositories.api_token import ApiTokenRepository
    from tenant_llm.repositories.secrets import SecretStore
    from tenant_llm.repositories.tenant import TenantRepository
    from tenant_llm.repositories.tenant_llm import TenantLLMRepository
    from tenant_llm.repositories.usage_ledger import UsageRepository
    from tenant_llm.repositories.usage_queue import UsageQueue
    from tenant_llm.services.audio_url import AudioLinks
    from tenant_llm.services.budgets import BudgetService
    from tenant_llm.services.chat import ChatService
    from tenant_llm.services.circuits import Circuits
    from tenant_llm.services.embedding import EmbeddingService
    from tenant_llm.services.image2text import Image2TextService
    from tenant_llm.services.invocation import Invocation
    from tenant_llm.services.lookup import LookupService
    from tenant_llm.services.rerank import RerankService
    from tenant_llm.services.resolution import Resolution
    from tenant_llm.services.speech2text import Speech2TextService
    from tenant_llm.services.tenant_models import TenantModelsService
    from tenant_llm.services.trace_export import TraceExport
    from tenant_llm.services.tracing import Tracing
    from tenant_llm.services.tts import TtsService
    from tenant_llm.services.usage import UsageService
    from tenant_llm.services.usage_report import UsageReportService
    from tenant_llm.telemetry.langfuse import Clients
    from tenant_llm.transport.http import HttpTransport


@cache
def tenant_llm_repository() -> "TenantLLMRepository":
    """The rows of the tenants' models."""
    from tenant_llm.repositories.tenant_llm import TenantLLMRepository

    return TenantLLMRepository(settings())


@cache
def tenant_repository() -> "TenantRepository":
    """The tenants."""
    from tenant_llm.repositories.tenant import TenantRepository

    return TenantRepository(settings())


@cache
def usage_repository() -> "UsageRepository":
    """The ledger of calls and the days' totals."""
    from tenant_llm.repositories.usage_ledger import UsageRepository

    return UsageRepository(settings())


@cache
def usage_queue() -> "UsageQueue | None":
    """Where settlements wait that DynamoDB refuses; ``None`` where there is no queue."""
    from tenant_llm.repositories.usage_queue import UsageQueue

    url = settings().settlement_queue_url
    return UsageQueue(url) if url else None


@cache
def token_repository() -> "ApiTokenRepository":
    """The callers' tokens."""
    from tenant_llm.repositories.api_token import ApiTokenRepository

    return ApiTokenRepository(settings())


@cache
def secret_store() -> "SecretStore":
    """The tenants' keys."""
    from tenant_llm.repositories.secrets import SecretStore

    return SecretStore(settings(), tenant_repository())


@cache
def transport() -> "HttpTransport":
    """The one HTTP client."""
    from tenant_llm.transport.http import HttpTransport

    return HttpTransport(settings())


@cache
def resolution() -> "Resolution":
    """From names to models."""
    from tenant_llm.services.resolution import Resolution

    return Resolution(
        tenant_llm_repository(),
        tenant_repository(),
        ttl=settings().config_ttl,
        builtin_base_url=settings().builtin_base_url,
    )


@cache
def lookup_service() -> "LookupService":
    """What a tenant has."""
    from tenant_llm.services.lookup import LookupService

    return LookupService(resolution(), tenant_llm_repository(), tenant_repository())


@cache
def usage_service() -> "UsageService":
    """Booking usage."""
    from tenant_llm.services.usage import UsageService

    return UsageService(usage_repository(), resolution(), usage_queue())


@cache
def usage_report_service() -> "UsageReportService":
    """Telling what was used."""
    from tenant_llm.services.usage_report import UsageReportService

    return UsageReportService(usage_repository())


@cache
def budget_service() -> "BudgetService":
    """Keeping calls within budgets."""
    from tenant_llm.repositories.budgets import BudgetRepository
    from tenant_llm.services.budgets import BudgetService

    return BudgetService(BudgetRepository(settings()), tenant_repository())


@cache
def tracing() -> "Tracing":
    """Telling the tenants' Langfuse of calls: into the queue, where there is one."""
    from tenant_llm.repositories.trace_queue import TraceQueue
    from tenant_llm.services.tracing import Tracing

    url = settings().trace_queue_url
    return Tracing(TraceQueue(url) if url else None)


@cache
def trace_transport() -> "HttpTransport":
    """The HTTP client to the tenants' Langfuse, which repeats nothing: the queue does."""
    from tenant_llm.transport.http import HttpTransport
    from tenant_llm.transport.retry import Retry

    return HttpTransport(settings(), Retry(1))


@cache
def trace_export() -> "TraceExport":
    """From the queue to the tenants' Langfuse."""
    from tenant_llm.services.trace_export import TraceExport

    return TraceExport(secret_store(), trace_transport())


@cache
def langfuse_clients() -> "Clients":
    """The SDK's clients of the tenants' keys, for code that traces by itself."""
    from tenant_llm.telemetry.langfuse import Clients

    return Clients(trace_export().post)


@cache
def circuit_store() -> "CircuitBreakerDynamoDBPersistence":
    """Where the providers' circuits are kept."""
    from tenant_llm.repositories.circuits import circuit_store

    return circuit_store(settings())


@cache
def circuits() -> "Circuits":
    """What leaves a provider alone that is down."""
    from tenant_llm.services.circuits import Circuits

    return Circuits(circuit_store)


@cache
def invocation() -> "Invocation":
    """The pipeline that the model types share."""
    from tenant_llm.services.invocation import Invocation

    return Invocation(
        resolution(), secret_store(), transport(), usage_service(), budget_service(), circuits(), tracing()
    )


@cache
def chat_service() -> "ChatService":
    """Chat."""
    from tenant_llm.services.chat import ChatService

    return ChatService(invocation())


@cache
def embedding_service() -> "EmbeddingService":
    """Embedding."""
    from tenant_llm.services.embedding import EmbeddingService

    return EmbeddingService(invocation())


@cache
def rerank_service() -> "RerankService":
    """Rerank."""
    from tenant_llm.services.rerank import RerankService

    return RerankService(invocation())


@cache
def audio_links() -> "AudioLinks":
    """Audio at URLs that callers name."""
    from tenant_llm.services.audio_url import AudioLinks

    return AudioLinks(transport(), settings())


@cache
def speech2text_service() -> "Speech2TextService":
    """Speech2text."""
    from tenant_llm.services.speech2text import Speech2TextService

    return Speech2TextService(invocation(), audio_links())


@cache
def tts_service() -> "TtsService":
    """Tts."""
    from tenant_llm.services.tts import TtsService

    return TtsService(invocation(), audio_links())


@cache
def image2text_service() -> "Image2TextService":
    """Image2text."""
    from tenant_llm.services.image2text import Image2TextService

    return Image2TextService(chat_service())


@cache
def tenant_models_service() -> "TenantModelsService":
    """What an operator sets up."""
    from tenant_llm.services.tenant_models import TenantModelsService

    return TenantModelsService(
        tenant_llm_repository(), tenant_repository(), token_repository(), secret_store(), settings()
    )


def reset() -> None:
    """Forget everything built so far: for tests, and for a process that changes its environment."""
    for built in (langfuse_clients, transport, trace_transport):
        if built.cache_info().currsize:
            built().close()
    for value in globals().values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()

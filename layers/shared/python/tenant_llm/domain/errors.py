"""The error tree: one class a kind of failure, and what a caller is told of it.

TenantLLMError
├── InvalidRequest            400   the caller's body, query or event is wrong
│   └── PayloadTooLarge       413
├── Unauthorized              401   no token of ours, or a wrong one
├── NotFound                  404   a route or thing that is not there
├── LookupFailed              404   also a LookupError, with the specification's words
│   ├── TenantNotFound        404
│   ├── ModelNotSet           404   the tenant has no default of that type
│   └── ModelNotAuthorized    404   the tenant has no such model
├── CredentialMissing         409   the model is there, its key is not
├── Conflict                  409   somebody else changed the same thing
├── UnsupportedModelType      422   that factory has no such type; also an AssertionError
├── DeadlineExceeded          504
├── BudgetExceeded            429   a hard budget of the tenant has no room for the call
├── ServiceUnavailable        503*  our own storage refuses
└── ProviderError             502
    ├── ProviderRejected      400   the provider found the request wrong (its own 4xx status survives)
    │   ├── ContextTooLong    400
    │   └── ContentFiltered   400
    ├── CredentialRejected    502   the provider refused the tenant's key; never 401, which would blame our token
    ├── QuotaExhausted        402   the tenant's balance at the provider is gone
    ├── RateLimited           429*
    ├── ProviderUnavailable   502*
    │   └── CircuitOpen       503*  it failed for others just now, and is not asked
    └── MalformedAnswer       502

A star marks what may succeed when repeated. Faults in our own code or catalogue are plain exceptions and end as 500.
"""


class TenantLLMError(Exception):
    """Base of every failure a caller can expect.

    ``message`` quotes the offending value and never a key; ``param`` names the field it came from; ``code`` is the
    stable word a program switches on.
    """

    status: int = 500
    type: str = "api_error"
    code: str = "internal_error"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.retry_after = retry_after

    def envelope(self) -> dict[str, dict[str, str | None]]:
        """OpenAI's error object: ``{"error": {"message", "type", "param", "code"}}``."""
        return {"error": {"message": self.message, "type": type(self).type, "param": self.param, "code": self.code}}


class InvalidRequest(TenantLLMError):
    """When the caller's request is wrong; ``param`` names the field."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class PayloadTooLarge(InvalidRequest):
    """When a body is larger than the route takes."""

    status = 413
    code = "payload_too_large"


class Unauthorized(TenantLLMError):
    """When the caller shows no token, or one that is not valid."""

    status = 401
    type = "authentication_error"
    code = "invalid_token"


class NotFound(TenantLLMError):
    """When a route, or the thing it names, does not exist."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class LookupFailed(TenantLLMError, LookupError):
    """When a model cannot be found for a tenant."""

    status = 404
    type = "invalid_request_error"


class TenantNotFound(LookupFailed):
    """When the tenant does not exist."""

    code = "tenant_not_found"


class ModelNotSet(LookupFailed):
    """When the tenant has set no default of the type asked for."""

    code = "model_not_set"


class ModelNotAuthorized(LookupFailed):
    """When the tenant has no such model."""

    code = "model_not_found"


class CredentialMissing(TenantLLMError):
    """When the tenant has the model but no key for its factory."""

    status = 409
    type = "invalid_request_error"
    code = "credential_missing"


class Conflict(TenantLLMError):
    """When somebody else changed the same thing meanwhile, or it exists already."""

    status = 409
    type = "invalid_request_error"
    code = "conflict"


class UnsupportedModelType(TenantLLMError, AssertionError):
    """When the factory offers no model of that type, or has no feature that the request needs."""

    status = 422
    type = "invalid_request_error"
    code = "unsupported_model_type"


class DeadlineExceeded(TenantLLMError):
    """When the time of the call is over before the provider has answered."""

    status = 504
    type = "timeout_error"
    code = "deadline_exceeded"


class BudgetExceeded(TenantLLMError):
    """When a hard budget of the tenant has no room for the call; ``retry_after`` is in seconds, until it renews.

    Not to be repeated by itself: a day or a month is longer than whoever repeats would wait.
    """

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class ServiceUnavailable(TenantLLMError):
    """When our own storage refuses, for now."""

    status = 503
    type = "api_error"
    code = "service_unavailable"
    retryable = True


class ProviderError(TenantLLMError):
    """When the provider, not the caller or we, is where a call failed."""

    status = 502
    type = "provider_error"
    code = "provider_error"


class ProviderRejected(ProviderError):
    """When the provider found the request wrong."""

    status = 400
    type = "invalid_request_error"
    code = "provider_rejected"


class ContextTooLong(ProviderRejected):
    """When the input is longer than the model takes."""

    code = "context_length_exceeded"


class ContentFiltered(ProviderRejected):
    """When the provider's safety filter refused the request."""

    code = "content_filter"


class CredentialRejected(ProviderError):
    """When the provider refused the tenant's key."""

    code = "credential_rejected_by_provider"


class QuotaExhausted(ProviderError):
    """When the tenant's balance at the provider is used up; waiting does not help."""

    status = 402
    code = "provider_quota_exhausted"


class RateLimited(ProviderError):
    """When the provider wants fewer calls; ``retry_after`` is in seconds where it said so."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    retryable = True


class ProviderUnavailable(ProviderError):
    """When the provider cannot be reached or fails on its side.

    ``outage`` says that it is down for everybody, whatever they ask: nobody answers, or a gateway says so.
    """

    code = "provider_unavailable"
    retryable = True
    outage: bool = False


class CircuitOpen(ProviderUnavailable):
    """When the provider was down for several calls just now, so that it is not asked; ``retry_after`` is in seconds."""

    status = 503
    code = "provider_circuit_open"


class MalformedAnswer(ProviderError):
    """When the provider's answer cannot be understood."""

    code = "malformed_provider_answer"

"""Log records: keys and numbers, never messages, audio or credentials.

Inside Lambda they are JSON lines (https://docs.aws.amazon.com/powertools/python/latest/core/logger/), elsewhere plain
records of the logger ``tenant_llm``, with the same fields, also in the message.
"""

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from json import dumps
from traceback import extract_tb
from typing import Literal

from tenant_llm.domain.budget import Budget
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.settlement import CallStatus, Settlement
from tenant_llm.domain.settlement_json import encode
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.trace import Generation
from tenant_llm.domain.usage import Usage
from tenant_llm.settings import in_lambda, service_name

type Value = str | int | float | bool | list[str] | Mapping[str, "Value"] | None

_MOST_CAUSES = 20

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context")


@contextmanager
def context(**keys: str) -> Generator[None]:
    """Put keys, such as ``request_id`` and ``tenant``, into every record of this block."""
    token = _context.set({**_context.get({}), **keys})
    try:
        yield
    finally:
        _context.reset(token)


def call_done(
    config: ModelConfig,
    usage: Usage,
    ms: float,
    status: CallStatus = "ok",
    *,
    first_ms: float | None = None,
    retries: int = 0,
) -> None:
    """A call was answered and settled; ``ms`` is how long it took, ``first_ms`` how long the first piece of it."""
    _write(
        "info",
        "call",
        **_model(config),
        status=status,
        ms=round(ms),
        first_ms=None if first_ms is None else round(first_ms),
        retries=retries,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        native=dict(usage.native),
        estimated=usage.estimated,
    )


def call_failed(config: ModelConfig, error: TenantLLMError, ms: float) -> None:
    """A call to a provider failed; the error's words stay out, since a provider's may quote the prompt."""
    _write(
        "warning",
        "call failed",
        **_model(config),
        error=type(error).__name__,
        code=error.code,
        status=error.status,
        ms=round(ms),
    )


def fell_back(config: ModelConfig, error: TenantLLMError) -> None:
    """A tenant's default, or a fallback of it, cannot answer, and the next model is asked."""
    _write("warning", "fell back", **_model(config), error=type(error).__name__, code=error.code)


def circuit(config: ModelConfig, state: str) -> None:
    """A circuit changed its state: ``open``, ``half_open`` or ``closed``."""
    _write("warning", "circuit", state=state, **_model(config))


def over_budget(config: ModelConfig, budget: Budget, kind: Literal["soft", "hard"]) -> None:
    """A call was over a budget of its tenant: a soft one, and went through, or a hard one, and was refused."""
    limit = budget.soft if kind == "soft" else budget.hard
    _write("warning", "over budget", **_model(config), kind=kind, scope=budget.model, period=budget.period, limit=limit)


def budgets_unchecked(config: ModelConfig, error: TenantLLMError) -> None:
    """A call went through without a reservation, since storage refuses and no budget of its tenant is hard."""
    _write("warning", "budgets unchecked", **_model(config), causes=_causes(error))


def unreleased(config: ModelConfig, error: TenantLLMError) -> None:
    """What a failed call holds of budgets could not be given back; it is held until it ends by itself."""
    _write("warning", "unreleased", **_model(config), causes=_causes(error))


def unsettled(settlement: Settlement, *errors: Exception) -> None:
    """A settlement could be neither stored nor queued: all of it, so that it can be booked later under its own id."""
    causes = [cause for error in errors for cause in _causes(error)]
    _write("error", "unsettled", settlement=encode(settlement), causes=causes)


def queued(settlement: Settlement, *errors: Exception) -> None:
    """A settlement could not be stored, or many others are at its counters, and waits in the queue."""
    causes = [cause for error in errors for cause in _causes(error)]
    _write("warning", "queued", **_booking(settlement), causes=causes)


def untraced(config: ModelConfig, error: Exception) -> None:
    """What was to be told of a call did not come into the queue, at least not in time; the call does not notice."""
    _write("warning", "untraced", **_model(config), causes=_causes(error))


def unexported(generation: Generation, error: Exception) -> None:
    """The tenant's Langfuse did not take a generation; SQS delivers it again."""
    status = error.status if isinstance(error, TenantLLMError) else None
    told: dict[str, Value] = {"tenant": generation.tenant_id, "call_id": generation.request_id, "status": status}
    _write("warning", "unexported", **told, causes=_causes(error))


def unreadable(message_id: str, error: TenantLLMError) -> None:
    """A message of a queue is not what is read there. It fails until it is in the dead-letter queue."""
    _write("error", "unreadable", message_id=message_id, param=error.param, causes=_causes(error))


def unbooked(settlement: Settlement, error: Exception) -> None:
    """A settlement from the queue could not be booked; SQS delivers it again."""
    _write("warning", "unbooked", **_booking(settlement), causes=_causes(error))


def answered(error: TenantLLMError, request_id: str) -> None:
    """A caller was told of a failure on our side or the provider's, with the classes of what caused it."""
    _write(
        "warning",
        "failed",
        request_id=request_id,
        code=error.code,
        status=error.status,
        causes=_causes(error),
    )


def unexpected(error: BaseException, request_id: str) -> None:
    """A fault of ours: where it happened, and the classes of what caused it.

    The messages of foreign exceptions stay out: they quote values, and a value may be a prompt or a key.
    """
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    _write("error", "unexpected", request_id=request_id, causes=_causes(error), traceback=frames)


def hush_libraries() -> None:
    """Let libraries log warnings and errors alone, also where the level is DEBUG.

    Lambda's runtime sets that level for every logger, and AWS's SDK then logs the bodies that it gets: keys, for one.
    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """
    logging.getLogger().setLevel(logging.WARNING)


def _model(config: ModelConfig) -> dict[str, Value]:
    return {
        "tenant": config.tenant_id,
        "factory": config.factory,
        "llm_name": config.llm_name,
        "model_type": config.model_type.value,
    }


def _booking(settlement: Settlement) -> dict[str, Value]:
    return {"tenant": settlement.tenant_id, "call_id": settlement.request_id, "model": settlement.address}


def _causes(error: BaseException) -> list[str]:
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < _MOST_CAUSES:  # a chain may end where it began
        causes.append(type(cause).__qualname__ + _aws_code(cause))
        cause = cause.__cause__ or cause.__context__
    return causes


def _aws_code(error: BaseException) -> str:
    """The code of an AWS client's error, such as ``AccessDeniedException``: no value of a caller is in it."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    return f"({code})" if code else ""


def _write(level: Literal["info", "warning", "error"], message: str, **fields: Value) -> None:
    everything = {**_context.get({}), **fields}
    if not in_lambda():  # plain formatters show the message alone
        message = f"{message} {dumps(everything, ensure_ascii=False)}"
    write = getattr(_logger(), level)
    write(message, extra=everything)


@cache
def _logger() -> object:
    if not in_lambda():
        return logging.getLogger("tenant_llm")
    from aws_lambda_powertools import Logger

    # Without the place in the code, which would be _write every time.
    return Logger(service=service_name(), location=None)

"""Chat: whole answers and streamed ones."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, fold
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.services.invocation import Invocation, Started


class ChatService:
    """Answers conversations."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(
        self, caller: Caller, model: str | None, request: ChatRequest, model_type: ModelType = ModelType.CHAT
    ) -> ChatResult:
        """The whole answer, settled; ``model`` of the result is the address that answered."""
        config = self._invocation.config(caller, model_type, model)
        dialect = load.chat(config.dialect)
        result = self._invocation.exchange(dialect, request, config, caller.deadline)
        usage = result.usage or tokens.chat_usage(request, result.choices)
        self._invocation.usage.settle(caller, config, usage)
        return replace(result, usage=usage, model=config.address)

    def stream(self, caller: Caller, model: str | None, request: ChatRequest) -> Started:
        """The answer in deltas as they arrive; the last one carries the usage and comes after the call is settled.

        Errors before the first delta raise here. ``close`` hangs up on the provider and settles what was
        delivered.
        """
        config = self._invocation.config(caller, ModelType.CHAT, model)
        dialect = load.chat(config.dialect)
        streamed = replace(request, stream=True)
        deltas = self._invocation.open_stream(dialect, streamed, config, caller.deadline)
        return Started(self._settled(deltas, caller, config, streamed))

    def _settled(
        self, deltas: Started, caller: Caller, config: ModelConfig, request: ChatRequest
    ) -> Generator[ChatDelta]:
        received: list[ChatDelta] = []
        status: CallStatus = "interrupted"
        try:
            with closing(deltas):
                for delta in deltas:
                    received.append(delta)
                    if delta != ChatDelta(usage=delta.usage, model=delta.model):
                        yield replace(delta, usage=None, model=config.address)
            status = "ok"
        except GeneratorExit:
            status = "client_disconnected"
            raise
        finally:
            usage = _delivered(request, received, complete=status == "ok")
            self._invocation.usage.settle(caller, config, usage, status)
        yield ChatDelta(usage=usage, model=config.address)


def _delivered(request: ChatRequest, received: list[ChatDelta], *, complete: bool) -> Usage:
    """The provider's own numbers after a complete stream; else the input it told, and the output that was received."""
    result = fold(received)
    if complete and result.usage is not None:
        return result.usage
    estimate = tokens.chat_usage(request, result.choices)
    if result.usage is None:
        return estimate
    told = result.usage
    return replace(
        told,
        input_tokens=told.input_tokens or estimate.input_tokens,
        output_tokens=max(told.output_tokens, estimate.output_tokens),
        reasoning_tokens=max(told.reasoning_tokens, estimate.reasoning_tokens),
        estimated=True,
    )

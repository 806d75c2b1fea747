"""Chat: whole answers and streamed ones."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.dialects.content import refuse_links
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, fold
from tenant_llm.domain.errors import DeadlineExceeded, InvalidRequest, TenantLLMError
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.usage import Usage, reported
from tenant_llm.services.invocation import Invocation, OngoingCall, Started


class ChatService:
    """Answers conversations."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(
        self, caller: Caller, model: str | None, request: ChatRequest, model_type: ModelType = ModelType.CHAT
    ) -> ChatResult:
        """The whole answer, settled; ``model`` of the result is the address that answered."""
        call = self._begin(caller, model, request, model_type)
        with _hang_up_settled(call, request):
            result = call.exchange(call.dialect(load.chat), request)
        usage = reported(result.usage) or tokens.chat_usage(request, result.choices)
        call.settle(usage)
        return replace(result, usage=usage, model=call.config.address)

    def stream(self, caller: Caller, model: str | None, request: ChatRequest) -> Started:
        """The answer in deltas as they arrive; the last one carries the usage and comes after the call is settled.

        Errors before the first delta raise here. ``close`` hangs up on the provider and settles what was
        delivered.
        """
        call = self._begin(caller, model, request, ModelType.CHAT)
        streamed = replace(request, stream=True)
        with _hang_up_settled(call, streamed):
            deltas = call.open_stream(call.dialect(load.chat), streamed)
        return Started(_settled(call, deltas, streamed))

    def _begin(self, caller: Caller, model: str | None, request: ChatRequest, model_type: ModelType) -> OngoingCall:
        """The call, once it is known that there is something to ask, and in a form that the provider takes."""
        if not request.messages:
            raise InvalidRequest("messages is empty: there is nothing to answer", param="messages")
        call = self._invocation.begin(caller, model_type, model, request)
        if call.config.quirks.inline_images:
            refuse_links(request.messages)
        return call


@contextmanager
def _hang_up_settled(call: OngoingCall, request: ChatRequest) -> Iterator[None]:
    """Book what a caller asked for who hangs up before a word comes: the provider has taken it in, and bills it."""
    try:
        yield
    except DeadlineExceeded:
        if call.caller.deadline.line.hung_up:
            call.settle(tokens.chat_usage(request, ()), "client_disconnected")
        raise


def _settled(call: OngoingCall, deltas: Started, request: ChatRequest) -> Generator[ChatDelta]:
    """The deltas without their usage, which comes last of all, when it is booked, whatever ended the stream."""
    address = call.config.address
    received: list[ChatDelta] = []
    status: CallStatus = "interrupted"
    try:
        with closing(deltas):
            for delta in deltas:
                received.append(delta)
                if delta != ChatDelta(usage=delta.usage, model=delta.model):
                    yield replace(delta, usage=None, model=address)
        status = "ok"
    except GeneratorExit:
        status = "client_disconnected"
        raise
    except TenantLLMError:
        if call.caller.deadline.line.hung_up:
            status = "client_disconnected"
        raise
    finally:
        usage = _delivered(request, received, complete=status == "ok")
        call.settle(usage, status)
    yield ChatDelta(usage=usage, model=address)


def _delivered(request: ChatRequest, received: list[ChatDelta], *, complete: bool) -> Usage:
    """The provider's own numbers after a complete stream; else the input it told, and the output that was received."""
    result = fold(received)
    told = reported(result.usage)
    if complete and told is not None:
        return told
    estimate = tokens.chat_usage(request, result.choices)
    if told is None:
        return estimate
    return replace(
        told,
        input_tokens=told.input_tokens or estimate.input_tokens,
        output_tokens=max(told.output_tokens, estimate.output_tokens),
        reasoning_tokens=max(told.reasoning_tokens, estimate.reasoning_tokens),
        estimated=True,
    )

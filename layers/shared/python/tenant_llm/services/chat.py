"""Chat: whole answers and streamed ones."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.dialects.content import refuse_links
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult, fold
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage, reported
from tenant_llm.services.invocation import Invocation, OngoingCall, Started
from tenant_llm.services.settling import hang_up_settled, settled


class ChatService:
    """Answers conversations."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(
        self, caller: Caller, model: str | None, request: ChatRequest, model_type: ModelType = ModelType.CHAT
    ) -> ChatResult:
        """The whole answer, settled; ``model`` of the result is the address that answered."""

        def attempt(call: OngoingCall) -> ChatResult:
            _check_links(call, request)
            with hang_up_settled(call, lambda: tokens.chat_usage(request, ())):
                result = _result(call, request)
            usage = _counted(request, result)
            call.settle(usage, delivered=lambda: result)
            return replace(result, usage=usage, model=call.config.address)

        return self._answered(caller, model, request, model_type, attempt)

    def stream(self, caller: Caller, model: str | None, request: ChatRequest) -> Started[ChatDelta]:
        """The answer in deltas as they arrive; the last one carries the usage and comes after the call is settled.

        Errors before the first delta raise here. ``close`` hangs up on the provider and settles what was
        delivered.
        """
        streamed = replace(request, stream=True)

        def attempt(call: OngoingCall) -> tuple[OngoingCall, Started[ChatDelta]]:
            _check_links(call, streamed)
            with hang_up_settled(call, lambda: tokens.chat_usage(streamed, ())):
                return call, _opened(call, streamed)

        call, deltas = self._answered(caller, model, request, ModelType.CHAT, attempt)
        address = call.config.address
        received: list[ChatDelta] = []
        return Started(
            settled(
                call,
                _handed(deltas, received, address),
                lambda status: _delivered(streamed, received, complete=status == "ok"),
                lambda usage: ChatDelta(usage=usage, model=address),
                lambda: fold(received),
            )
        )

    def _answered[Result](
        self,
        caller: Caller,
        model: str | None,
        request: ChatRequest,
        model_type: ModelType,
        attempt: Callable[[OngoingCall], Result],
    ) -> Result:
        if not request.messages:
            raise InvalidRequest("messages is empty: there is nothing to answer", param="messages")
        return self._invocation.answered(caller, model_type, model, request, attempt)


def _check_links(call: OngoingCall, request: ChatRequest) -> None:
    if call.config.quirks.inline_images:
        refuse_links(request.messages)


def _result(call: OngoingCall, request: ChatRequest) -> ChatResult:
    """The whole answer, of a stream where the model gives no other."""
    if not call.config.quirks.only_streams:
        return call.exchange(call.dialect(load.chat), request)
    with closing(_opened(call, replace(request, stream=True))) as deltas:
        return fold(deltas)


def _opened(call: OngoingCall, request: ChatRequest) -> Started[ChatDelta]:
    return call.open_stream(call.dialect(load.chat), lambda exchange: exchange.deltas(request))


def _handed(deltas: Started[ChatDelta], received: list[ChatDelta], address: str) -> Generator[ChatDelta]:
    """The deltas as they are handed on, without their usage, which comes last of all; all that came is noted."""
    with closing(deltas):
        for delta in deltas:
            received.append(delta)
            if delta != ChatDelta(usage=delta.usage, model=delta.model):
                yield replace(delta, usage=None, model=address)


def _counted(request: ChatRequest, result: ChatResult) -> Usage:
    """The provider's own numbers; what it leaves out is estimated, which is all where it reports nothing."""
    told = reported(result.usage)
    if told is not None and not told.estimated:
        return told
    estimate = tokens.chat_usage(request, result.choices)
    if told is None:
        return estimate
    return replace(
        told,
        input_tokens=told.input_tokens or estimate.input_tokens,
        output_tokens=told.output_tokens or estimate.output_tokens,
    )


def _delivered(request: ChatRequest, received: list[ChatDelta], *, complete: bool) -> Usage:
    """The provider's own numbers after a complete stream; else the input it told, and the output that was received."""
    result = fold(received)
    told = _counted(request, result)
    if complete:
        return told
    estimate = tokens.chat_usage(request, result.choices)
    return replace(
        told,
        input_tokens=told.input_tokens or estimate.input_tokens,
        output_tokens=max(told.output_tokens, estimate.output_tokens),
        reasoning_tokens=max(told.reasoning_tokens, estimate.reasoning_tokens),
        estimated=True,
    )

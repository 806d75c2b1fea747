"""Calls that are settled at their end, whatever brings it."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager

from tenant_llm.domain.errors import DeadlineExceeded, TenantLLMError
from tenant_llm.domain.settlement import CallStatus
from tenant_llm.domain.trace_content import AnyResult
from tenant_llm.domain.usage import Usage
from tenant_llm.services.invocation import OngoingCall


@contextmanager
def hang_up_settled(call: OngoingCall, usage: Callable[[], Usage]) -> Iterator[None]:
    """Book what a caller asked for who hangs up before anything comes: the provider has taken it in, and bills it."""
    try:
        yield
    except DeadlineExceeded:
        if call.caller.deadline.line.hung_up:
            call.settle(usage(), "client_disconnected")
        raise


def settled[Delta](
    call: OngoingCall,
    deltas: Generator[Delta],
    usage: Callable[[CallStatus], Usage],
    last: Callable[[Usage], Delta],
    delivered: Callable[[], AnyResult],
) -> Generator[Delta]:
    """The deltas, and when they are over and the call is booked, the last one, which carries the usage.

    A caller that hangs up and a provider that breaks off are booked as well, with what there was until then.

    Args:
        call: what is settled.
        deltas: a generator, which is closed with this one.
        usage: what it comes to, by how it ended.
        last: the delta that tells it.
        delivered: what was handed on until then, for traces.
    """
    status: CallStatus = "interrupted"
    failed: TenantLLMError | None = None
    try:
        with closing(deltas):
            yield from deltas
        status = "ok"
    except GeneratorExit:
        status = "client_disconnected"
        raise
    except TenantLLMError as error:
        if call.caller.deadline.line.hung_up:
            status = "client_disconnected"
        else:
            failed = error
        raise
    finally:
        used = usage(status)
        call.settle(used, status, delivered, failed)
    yield last(used)

"""One request to one target: rendered, sent, followed where the answer is a job, and parsed."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

from tenant_llm.domain.chat import ChatDelta, ChatRequest, unfold
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import DeadlineExceeded, ProviderError, TenantLLMError
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Manner

_PAUSES = (0.2, 0.3, 0.5, 0.8, 1.3)
_LONGEST_PAUSE = 2.0
_REPORT_SECONDS = 5.0
_CANCEL_SECONDS = 0.5
_OK = 200


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a request needs beside itself; ``dialect`` is a module, ``sleep`` (of seconds) is a seam for tests.

    ``manner`` says how it is tried again.
    """

    dialect: Any
    target: Target
    transport: HttpTransport
    deadline: Deadline
    sleep: Callable[[float], None] | None
    manner: Manner

    def result(self, request: Any) -> Any:
        """The whole result.

        Raises:
            ProviderError: When the provider refuses, fails or answers nonsense.
            DeadlineExceeded: When it takes too long; a job is cancelled then.
        """
        wire = self.dialect.render(request, self.target)
        if wire.framing is not None:
            with self._stream(wire) as events:
                return self.dialect.parse_events(events, request, self.target)
        answer = self._send(wire)
        with self._cancelling(answer):
            answer, _ = self._followed(answer, request)
        return self.dialect.parse(answer, request, self.target)

    def deltas(self, request: ChatRequest) -> Generator[ChatDelta]:
        """The deltas of a streamed answer; raises as ``result``, and ``close`` hangs up."""
        wire = self.dialect.render(request, self.target)
        if wire.framing is None:
            yield from self._job_deltas(self._send(wire), request)
            return
        with self._stream(wire) as events:
            yield from self.dialect.parse_stream(events, self.target)

    def pieces(self, request: Any, in_one_piece: Callable[[Any], Iterator[Any]]) -> Generator[Any]:
        """The deltas of audio or a transcript; of a wire that has no such half the whole result, in one piece."""
        wire = self.dialect.render(request, self.target)
        parse_stream = getattr(self.dialect, "parse_stream", None)
        parse_chunks = getattr(self.dialect, "parse_chunks", None)
        if wire.framing is not None and parse_stream:
            with self._stream(wire) as events:
                yield from parse_stream(events, request, self.target)
        elif wire.framing is None and parse_chunks:
            body = self.transport.stream_bytes(wire, self.target, self.deadline, self._parse_error, self.manner)
            with body as (headers, chunks):
                yield from parse_chunks(WireResponse(_OK, b"", headers), chunks, request, self.target)
        else:
            yield from in_one_piece(self.result(request))

    def _job_deltas(self, job: WireResponse, request: ChatRequest) -> Generator[ChatDelta]:
        """What a job streams, and then the usage that its last answer tells; a job without a stream in one piece."""
        whole = replace(request, stream=False)
        with self._cancelling(job):
            answer, wire = self._followed(job, request)
            if wire is not None:
                with self._stream(wire) as events:
                    yield from self.dialect.parse_stream(events, self.target)
                brief = replace(self, deadline=self.deadline.sooner(_REPORT_SECONDS))
                try:
                    answer, _ = brief._followed(answer, whole)
                except (ProviderError, DeadlineExceeded):
                    return  # the text is delivered: nothing but the report is lost, and an estimate takes its place
        result = self.dialect.parse(answer, whole, self.target)
        yield from unfold(result) if wire is None else [ChatDelta(usage=result.usage)]

    def _followed(self, answer: WireResponse, request: Any) -> tuple[WireResponse, WireRequest | None]:
        """The last answer of a job, and where it goes on in a stream; the answer itself where it is no job.

        A poll that is answered by a fault that may pass is repeated: the job goes on meanwhile.
        """
        follow_up = getattr(self.dialect, "follow_up", None)
        wire: WireRequest | None = None
        for pause in chain(_PAUSES, repeat(_LONGEST_PAUSE)):
            try:
                wire = follow_up(answer, request, self.target) if follow_up else None
            except ProviderError as error:
                if wire is None or not error.retryable:
                    raise
            if wire is None or wire.framing is not None:
                return answer, wire
            if pause >= self.deadline.remaining():
                raise DeadlineExceeded("the provider did not finish its job in time")
            (self.sleep or self.deadline.pause)(pause)
            answer = self._send(wire)
        raise AssertionError("polling ends with the deadline")

    @contextmanager
    def _cancelling(self, job: WireResponse) -> Iterator[None]:
        """Stop the job when it is left unfinished: the provider would work on, and bill it."""
        try:
            yield
        except BaseException:
            cancel = getattr(self.dialect, "cancel", None)
            wire = cancel(job, self.target) if cancel else None
            if wire is not None:
                with suppress(TenantLLMError):  # what went wrong before is what the caller has to hear
                    self._send(wire, Deadline.after(_CANCEL_SECONDS))
            raise

    def _send(self, wire: WireRequest, deadline: Deadline | None = None) -> WireResponse:
        return self.transport.send(wire, self.target, deadline or self.deadline, self._parse_error, self.manner)

    def _stream(self, wire: WireRequest) -> Any:
        return self.transport.stream(wire, self.target, self.deadline, self._parse_error, self.manner)

    @property
    def _parse_error(self) -> Any:
        return getattr(self.dialect, "parse_error", None)

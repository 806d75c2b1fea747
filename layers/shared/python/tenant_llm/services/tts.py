"""Tts: text in, audio out."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.audio import JOINABLE, joined
from tenant_llm.domain.audio_join import Join
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import InvalidRequest, ProviderError
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.passages import passages, utf8_size
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.trace_content import SpokenSize
from tenant_llm.domain.tts import SpeechDelta, SpeechRequest, SpeechResult, in_one_piece
from tenant_llm.domain.usage import Usage, reported
from tenant_llm.services.audio_url import AudioLinks
from tenant_llm.services.batches import in_parallel
from tenant_llm.services.invocation import Invocation, OngoingCall, Started
from tenant_llm.services.settling import hang_up_settled, settled


@dataclass(slots=True)
class _Passage:
    """A text that a provider was given to speak, what it has told of the usage, whether it is whole, and its bytes."""

    text: str
    usage: Usage | None = None
    whole: bool = False
    heard: int = 0


class SpeechStream(Started[SpeechDelta]):
    """Audio as it arrives. What it is, is known before any of it is read."""

    @property
    def content_type(self) -> str:
        """The media type."""
        return (self.first or SpeechDelta()).content_type

    @property
    def model(self) -> str:
        """The address of the model that speaks."""
        return (self.first or SpeechDelta()).model


class TtsService:
    """Speaks text."""

    def __init__(self, invocation: Invocation, links: AudioLinks) -> None:
        self._invocation = invocation
        self._links = links

    def invoke(
        self, caller: Caller, model: str | None, request: SpeechRequest, target: Link | None = None
    ) -> SpeechResult:
        """The audio, settled. Characters are counted here, exactly; tokens are estimated where none are reported.

        A text that is longer than a call takes is spoken in passages, whose audio is put together in their order and
        settled once; all of them succeed or nothing is booked.

        With a ``target`` the audio is uploaded there, too. It is settled before: the provider has delivered, and bills
        whether the upload succeeds or not.

        Raises:
            InvalidRequest: When there is no text, or too much of it for a format whose parts cannot be put together.
        """

        def attempt(call: OngoingCall) -> SpeechResult:
            parts = _parts(call, request)
            dialect = call.dialect(load.tts)
            if target is not None:
                self._links.check(target)
            begun: list[_Passage] = []

            def spoken(part: SpeechRequest) -> SpeechResult:
                begun.append(_Passage(part.text))
                return call.exchange(dialect, part)

            with hang_up_settled(call, lambda: _usage(begun)):
                results = in_parallel(spoken, parts)
            whole = [_Passage(part.text, one.usage, whole=True) for part, one in zip(parts, results, strict=True)]
            audio, usage = joined([one.audio for one in results], results[0].content_type), _usage(whole)
            result = replace(results[0], audio=audio, usage=usage, model=call.config.address)
            call.settle(usage, delivered=lambda: result)
            return result

        result = self._answered(caller, model, request, attempt)
        if target is not None:
            used = result.usage.total_tokens if result.usage else 0
            already = f"; the speech was made and is counted ({used} tokens)"
            self._links.upload(target, result.audio, result.content_type, caller.deadline, already)
        return result

    def stream(self, caller: Caller, model: str | None, request: SpeechRequest) -> SpeechStream:
        """The audio as it arrives; the last delta has none and carries the usage, when the call is settled.

        Passages of a long text are spoken one after the other, so that the first is heard soon. Errors before the first
        byte raise here. ``close`` hangs up on the provider. Whoever ends it, each passage that a provider was given and
        has not refused is booked with the whole of its text: the provider has taken that, and bills it.

        Raises:
            InvalidRequest: As ``invoke`` does.
        """
        begun: list[_Passage] = []

        def opened(call: OngoingCall, part: SpeechRequest) -> Started[SpeechDelta]:
            caller.deadline.timeout(0)  # where nobody listens any longer nothing more is asked for
            dialect = call.dialect(load.tts)
            begun.append(_Passage(part.text))
            try:
                return call.open_stream(dialect, lambda exchange: exchange.pieces(part, in_one_piece))
            except ProviderError:
                begun.pop()
                raise

        def attempt(call: OngoingCall) -> tuple[OngoingCall, list[SpeechRequest], Started[SpeechDelta]]:
            parts = _parts(call, request)
            with hang_up_settled(call, lambda: _usage(begun)):
                return call, parts, opened(call, parts[0])

        call, parts, first = self._answered(caller, model, request, attempt)
        silence = SpeechDelta(content_type=(first.first or SpeechDelta()).content_type, model=call.config.address)
        return SpeechStream(
            settled(
                call,
                _spoken(partial(opened, call), first, parts, begun, silence),
                lambda _: _usage(begun),
                lambda usage: replace(silence, usage=usage),
                lambda: SpokenSize(sum(passage.heard for passage in begun), silence.content_type),
            )
        )

    def _answered[Result](
        self, caller: Caller, model: str | None, request: SpeechRequest, attempt: Callable[[OngoingCall], Result]
    ) -> Result:
        if not request.text.strip():
            raise InvalidRequest(f"input is {request.text!r}: there is nothing to speak", param="input")
        return self._invocation.answered(caller, ModelType.TTS, model, request, attempt)


def _parts(call: OngoingCall, request: SpeechRequest) -> list[SpeechRequest]:
    """The text as the provider takes it."""
    return [replace(request, text=text) for text in _passages(request, call.config.quirks)]


def _spoken(
    opened: Callable[[SpeechRequest], Started[SpeechDelta]],
    first: Started[SpeechDelta],
    parts: Sequence[SpeechRequest],
    begun: list[_Passage],
    silence: SpeechDelta,
) -> Generator[SpeechDelta]:
    """The audio of all passages, which are noted as ``begun`` when they are opened; the first one is."""
    join = Join(silence.content_type)
    for number, part in enumerate(parts):
        with closing(opened(part) if number else first) as deltas:
            passage = begun[-1]
            heard = _heard(deltas, passage)
            for audio in heard if len(parts) == 1 else join.part(heard):
                yield replace(silence, audio=audio)
        passage.whole = True


def _heard(deltas: Iterable[SpeechDelta], passage: _Passage) -> Iterator[bytes]:
    for delta in deltas:
        passage.usage = delta.usage or passage.usage
        if delta.audio:
            passage.heard += len(delta.audio)
            yield delta.audio


def _usage(spoken: Sequence[_Passage]) -> Usage:
    return reduce(add, map(_usage_of, spoken), Usage())


def _usage_of(passage: _Passage) -> Usage:
    """What the provider has told, else an estimate; of a passage that broke off no less than its text comes to."""
    estimate = Usage(tokens.text_tokens(passage.text), native={"characters": len(passage.text)}, estimated=True)
    told = reported(passage.usage)
    if told is None:
        return estimate
    native = told.native or estimate.native
    if passage.whole:
        return replace(told, native=native)
    asked = max(told.input_tokens, estimate.input_tokens)
    return replace(told, input_tokens=asked, native=native, estimated=True)


def _passages(request: SpeechRequest, quirks: Quirks) -> list[str]:
    """The text as calls take it."""
    size: Callable[[str], int] = len if quirks.max_text_bytes is None else utf8_size
    most = quirks.max_text_bytes or quirks.max_characters
    texts = [request.text] if most is None else passages(request.text, most, size)
    if len(texts) > 1 and request.format not in (None, *JOINABLE):
        unit = "bytes" if quirks.max_text_bytes else "characters"
        raise InvalidRequest(
            f"input has {size(request.text)} {unit}: this model speaks {most} a call, and parts in {request.format!r} "
            f"cannot be put together; ask for {', '.join(JOINABLE)}",
            param="input",
        )
    return texts

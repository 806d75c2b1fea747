"""Speech2text: audio in, text out."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import Speech2TextDialect
from tenant_llm.domain import tokens
from tenant_llm.domain.audio import endings
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import InvalidRequest, PayloadTooLarge
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.speech2text import TranscriptionDelta, TranscriptionRequest, TranscriptionResult, in_one_piece
from tenant_llm.domain.usage import Usage, reported
from tenant_llm.domain.wire import File
from tenant_llm.services.audio_url import AudioLinks
from tenant_llm.services.invocation import Invocation, OngoingCall, Started
from tenant_llm.services.settling import hang_up_settled, settled

_STREAMED = (None, "json", "text", "diarized_json")


class Speech2TextService:
    """Transcribes audio."""

    def __init__(self, invocation: Invocation, links: AudioLinks) -> None:
        self._invocation = invocation
        self._links = links

    def invoke(
        self, caller: Caller, model: str | None, request: TranscriptionRequest, source: Link | None = None
    ) -> TranscriptionResult:
        """The transcript, settled. Without a report of tokens the transcript's own are estimated as output.

        Seconds of audio are kept beside the tokens wherever the provider tells them. With a ``source`` the audio is
        fetched from there; the request's own is empty and says what name and type it shall have.

        Raises:
            InvalidRequest: When the audio is empty, or of a format that the provider does not take. A format that
                neither name nor type tells is for the provider to judge.
            PayloadTooLarge: When it is larger than the provider takes.
        """

        def attempt(call: OngoingCall) -> TranscriptionResult:
            dialect, asked = self._ready(call, request, source)
            with hang_up_settled(call, lambda: _usage(TranscriptionResult(""))):
                result = call.exchange(dialect, asked)
            usage = _usage(result)
            call.settle(usage, delivered=lambda: result)
            return replace(result, usage=usage, model=call.config.address)

        return self._invocation.answered(caller, ModelType.SPEECH2TEXT, model, request, attempt)

    def stream(
        self, caller: Caller, model: str | None, request: TranscriptionRequest, source: Link | None = None
    ) -> Started[TranscriptionDelta]:
        """The transcript as it is written, and the result, when the call is settled; of some providers in one piece.

        Errors before the first delta raise here. ``close`` hangs up on the provider. A transcript that breaks off is
        booked with the tokens of what there was of it, as output; what the audio would have cost no one has told.

        Raises:
            InvalidRequest: As ``invoke`` does, and when the format has no pieces.
            PayloadTooLarge: As ``invoke`` does.
        """
        wanted = request.params.get("response_format")
        if wanted not in _STREAMED:
            raise InvalidRequest(
                f"response_format is {wanted!r}: a transcript is streamed as {', '.join(filter(None, _STREAMED))}",
                param="response_format",
            )
        params = {name: value for name, value in request.params.items() if value != "text" or name != "response_format"}
        streamed = replace(request, stream=True, params=params)

        def attempt(call: OngoingCall) -> tuple[OngoingCall, Started[TranscriptionDelta]]:
            dialect, asked = self._ready(call, streamed, source)
            with hang_up_settled(call, lambda: _usage(TranscriptionResult(""))):
                return call, call.open_stream(dialect, lambda exchange: exchange.pieces(asked, in_one_piece))

        call, deltas = self._invocation.answered(caller, ModelType.SPEECH2TEXT, model, streamed, attempt)
        heard = _Heard()
        return Started(
            settled(
                call,
                _handed(deltas, heard),
                lambda _: _usage(heard.whole()),
                lambda usage: _last(heard, usage, call.config.address),
                heard.whole,
            )
        )

    def _ready(
        self, call: OngoingCall, request: TranscriptionRequest, source: Link | None
    ) -> tuple[Speech2TextDialect, TranscriptionRequest]:
        """The wire, and what is asked with the audio in it, which the provider takes."""
        dialect = call.dialect(load.speech2text)
        if source is not None:
            request = replace(request, audio=self._links.fetch(source, call.caller.deadline, request.audio))
        _check(request.audio, call.config.quirks, "file" if source is None else source.param)
        return dialect, request


@dataclass(slots=True)
class _Heard:
    """What there is of a transcript so far."""

    text: str = ""
    result: TranscriptionResult | None = None

    def whole(self) -> TranscriptionResult:
        """The provider's own result, else the text that came."""
        return self.result or TranscriptionResult(self.text)


def _handed(deltas: Started[TranscriptionDelta], heard: _Heard) -> Generator[TranscriptionDelta]:
    """The deltas as they are handed on, without the result; a transcript that came whole is one of them."""
    with closing(deltas):
        for delta in deltas:
            heard.text += delta.text
            heard.result = delta.result or heard.result
            if delta.text or delta.segment:
                yield replace(delta, result=None)
    if heard.result is not None and heard.result.text and not heard.text:
        yield TranscriptionDelta(heard.result.text)


def _last(heard: _Heard, usage: Usage, address: str) -> TranscriptionDelta:
    return TranscriptionDelta(result=replace(heard.whole(), usage=usage, model=address))


def _check(audio: File, quirks: Quirks, param: str) -> None:
    size, told = len(audio.content), endings(audio)
    if not size:
        raise InvalidRequest(f"{param} {audio.name!r} is empty", param=param)
    if quirks.max_bytes is not None and size > quirks.max_bytes:
        raise PayloadTooLarge(f"{param} has {size} bytes: this provider takes {quirks.max_bytes}", param=param)
    if quirks.formats and told and not set(told) & set(quirks.formats):
        raise InvalidRequest(
            f"{param} {audio.name!r} is of the format {told[0]!r}: this provider takes {', '.join(quirks.formats)}",
            param=param,
        )


def _usage(result: TranscriptionResult) -> Usage:
    usage = reported(result.usage) or Usage(output_tokens=tokens.text_tokens(result.text), estimated=True)
    if result.duration is not None and "seconds" not in usage.native:
        usage = replace(usage, native={**usage.native, "seconds": result.duration})
    return usage

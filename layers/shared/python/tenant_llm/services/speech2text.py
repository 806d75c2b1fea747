"""Speech2text: audio in, text out."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.audio import endings
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import InvalidRequest, PayloadTooLarge
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.usage import Usage, reported
from tenant_llm.domain.wire import File
from tenant_llm.services.audio_url import AudioLinks
from tenant_llm.services.invocation import Invocation


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
        call = self._invocation.begin(caller, ModelType.SPEECH2TEXT, model, request)
        dialect = call.dialect(load.speech2text)
        if source is not None:
            request = replace(request, audio=self._links.fetch(source, caller.deadline, request.audio))
        _check(request.audio, call.config.quirks, "file" if source is None else source.param)
        result = call.exchange(dialect, request)
        usage = _usage(result)
        call.settle(usage)
        return replace(result, usage=usage, model=call.config.address)


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

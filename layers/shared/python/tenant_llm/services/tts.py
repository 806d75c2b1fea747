"""Tts: text in, audio out."""

from collections.abc import Callable
from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.audio import JOINABLE, joined
from tenant_llm.domain.call import Caller
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.passages import passages, utf8_size
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.services.audio_url import AudioLinks
from tenant_llm.services.batches import in_parallel, total_usage
from tenant_llm.services.invocation import Invocation


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
        if not request.text.strip():
            raise InvalidRequest(f"input is {request.text!r}: there is nothing to speak", param="input")
        call = self._invocation.begin(caller, ModelType.TTS, model, request)
        dialect = call.dialect(load.tts)
        texts = _passages(request, call.config.quirks)
        if target is not None:
            self._links.check(target)
        results = in_parallel(
            lambda part: call.exchange(dialect, part), [replace(request, text=text) for text in texts]
        )
        result = replace(results[0], audio=joined([part.audio for part in results], results[0].content_type))
        spoken = sum(tokens.text_tokens(text) for text in texts)
        usage = total_usage(part.usage for part in results) or Usage(spoken, estimated=True)
        if not usage.native:
            usage = replace(usage, native={"characters": sum(len(text) for text in texts)})
        call.settle(usage)
        if target is not None:
            already = f"; the speech was made and is counted ({usage.total_tokens} tokens)"
            self._links.upload(target, result.audio, result.content_type, caller.deadline, already)
        return replace(result, usage=usage, model=call.config.address)


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

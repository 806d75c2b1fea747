"""Tts: text in, audio out."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.link import Link
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage, reported
from tenant_llm.services.audio_url import AudioLinks
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

        With a ``target`` the audio is uploaded there, too. It is settled before: the provider has delivered, and bills
        whether the upload succeeds or not.
        """
        call = self._invocation.begin(caller, ModelType.TTS, model)
        dialect = call.dialect(load.tts)
        if target is not None:
            self._links.check(target)
        result = call.exchange(dialect, request)
        usage = reported(result.usage) or Usage(tokens.text_tokens(request.text), estimated=True)
        if not usage.native:
            usage = replace(usage, native={"characters": len(request.text)})
        call.settle(usage)
        if target is not None:
            already = f"; the speech was made and is counted ({usage.total_tokens} tokens)"
            self._links.upload(target, result.audio, result.content_type, caller.deadline, already)
        return replace(result, usage=usage, model=call.config.address)

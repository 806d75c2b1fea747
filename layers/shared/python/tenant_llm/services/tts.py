"""Tts: text in, audio out."""

from dataclasses import replace

from tenant_llm.dialects import load
from tenant_llm.domain import tokens
from tenant_llm.domain.call import Caller
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tts import SpeechRequest, SpeechResult
from tenant_llm.domain.usage import Usage
from tenant_llm.services.invocation import Invocation


class TtsService:
    """Speaks text."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation

    def invoke(self, caller: Caller, model: str | None, request: SpeechRequest) -> SpeechResult:
        """The audio, settled. Characters are counted here, exactly; tokens are estimated where none are reported."""
        call = self._invocation.begin(caller, ModelType.TTS, model)
        dialect = call.dialect(load.tts)
        result = call.exchange(dialect, request)
        usage = result.usage or Usage(tokens.text_tokens(request.text), estimated=True)
        if not usage.native:
            usage = replace(usage, native={"characters": len(request.text)})
        call.settle(usage)
        return replace(result, usage=usage, model=call.config.address)

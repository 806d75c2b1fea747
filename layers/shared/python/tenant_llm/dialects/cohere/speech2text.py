"""Transcription, OpenAI's form at another place: https://docs.cohere.com/reference/create-audio-transcription."""

from dataclasses import replace

from tenant_llm.dialects.body import endpoint
from tenant_llm.dialects.cohere.place import path
from tenant_llm.dialects.cohere.refusal import parse_error
from tenant_llm.dialects.openai import speech2text as openai
from tenant_llm.dialects.openai.speech2text import parse
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_error", "render"]


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """OpenAI's form; this provider wants the language told.

    Raises:
        InvalidRequest: When the caller asks for a streamed transcript.
    """
    url = endpoint(target.config.base_url, path(target, openai.PATH), target.config.quirks)
    return replace(openai.render(request, target), url=url)

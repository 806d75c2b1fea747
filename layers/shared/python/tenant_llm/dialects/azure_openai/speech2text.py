"""Transcription at a deployment: https://learn.microsoft.com/azure/ai-foundry/openai/reference#transcriptions---create."""

from tenant_llm.dialects.azure_openai.place import at_deployment
from tenant_llm.dialects.openai import speech2text as openai
from tenant_llm.dialects.openai.speech2text import parse, parse_stream
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_stream", "render"]


def render(request: TranscriptionRequest, target: Target) -> WireRequest:
    """OpenAI's request, at the deployment that the model's name is."""
    return at_deployment(openai.render(request, target), target, openai.PATH)

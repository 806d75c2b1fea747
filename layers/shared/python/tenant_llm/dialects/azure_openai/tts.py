"""Speech at a deployment: https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview."""

from tenant_llm.dialects.azure_openai.place import at_deployment
from tenant_llm.dialects.openai import tts as openai
from tenant_llm.dialects.openai.tts import parse, parse_chunks
from tenant_llm.domain.target import Target
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_chunks", "render"]


def render(request: SpeechRequest, target: Target) -> WireRequest:
    """OpenAI's request, at the deployment that the model's name is."""
    return at_deployment(openai.render(request, target), target, openai.PATH)

"""Embedding: ``POST /v1/embeddings``, or direct."""

from tenant_llm.bootstrap import embedding_service
from tenant_llm.surface import openai_embeddings
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_embedding(call: Call) -> Answer:
    """One vector an input, in OpenAI's list."""
    asked = openai_embeddings.ask(call)
    result = embedding_service().invoke(call.caller, asked.model, asked.request)
    return Answer(openai_embeddings.render(result, asked.encoding))


handler = entrypoint({"POST /v1/embeddings": invoke_embedding}, prepare=embedding_service)

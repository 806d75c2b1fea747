"""Rerank: ``POST /v1/rerank``, or direct."""

from tenant_llm.bootstrap import rerank_service
from tenant_llm.surface import rerank
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_rerank(call: Call) -> Answer:
    """The documents' scores, the best first."""
    asked = rerank.ask(call)
    return Answer(rerank.render(rerank_service().invoke(call.caller, asked.model, asked.request), asked))


handler = entrypoint({"POST /v1/rerank": invoke_rerank}, prepare=rerank_service)

"""Chat: ``POST /v1/chat/completions``, or direct; with ``stream`` in pieces where whoever asks can take them."""

from tenant_llm.bootstrap import chat_service
from tenant_llm.surface import openai_chat, sse
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_chat(call: Call) -> Answer:
    """A ``chat.completion``, or its event stream."""
    asked = openai_chat.ask(call)
    if not asked.request.stream:
        return Answer(openai_chat.render(chat_service().invoke(call.caller, asked.model, asked.request)))
    deltas = chat_service().stream(call.caller, asked.model, asked.request)
    return Answer(sse.encoded(deltas, include_usage=asked.include_usage), content_type=sse.CONTENT_TYPE)


ROUTES = {"POST /v1/chat/completions": invoke_chat}
handler = entrypoint(ROUTES, prepare=chat_service)

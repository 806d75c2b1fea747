"""Chat: ``POST /v1/chat/completions``, or direct."""

from tenant_llm.bootstrap import chat_service
from tenant_llm.surface import openai_chat, sse
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_chat(call: Call) -> Answer:
    """A ``chat.completion``, or its whole event stream: Python's managed runtime cannot send a part of an answer."""
    asked = openai_chat.ask(call)
    if not asked.request.stream:
        return Answer(openai_chat.render(chat_service().invoke(call.caller, asked.model, asked.request)))
    deltas = chat_service().stream(call.caller, asked.model, asked.request)
    return Answer("".join(sse.frames(deltas, include_usage=asked.include_usage)), content_type=sse.CONTENT_TYPE)


handler = entrypoint({"POST /v1/chat/completions": invoke_chat}, prepare=chat_service)

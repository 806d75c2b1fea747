"""Image2text: a question about an image, asked over the chat wire."""

from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatRequest, ChatResult
from tenant_llm.domain.image2text import DescriptionRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.services.chat import ChatService

_PROMPT = (
    "Describe what this image shows: the people, things and text in it, where they are and what is going on. "
    "If it is a chart or a table, give its values."
)


class Image2TextService:
    """Describes images."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    def invoke(self, caller: Caller, model: str | None, request: DescriptionRequest) -> ChatResult:
        """The description as the result's text, settled."""
        prompt = request.prompt or f"{_PROMPT} Answer in {request.lang}."
        content = [
            {"type": "text", "text": prompt},
            {"type": "image_url", "image_url": {"url": request.image}},
        ]
        chat = ChatRequest([{"role": "user", "content": content}], params=request.params)
        return self._chat.invoke(caller, model, chat, ModelType.IMAGE2TEXT)

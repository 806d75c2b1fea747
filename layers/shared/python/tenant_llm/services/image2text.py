"""Image2text: a question about an image, asked over the chat wire."""

from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatRequest, ChatResult
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.image2text import DescriptionRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.services.chat import ChatService

_PROMPT = (
    "Describe what this image shows: the people, things and text in it, where they are and what is going on. "
    "If it is a chart or a table, give its values."
)
_IMAGE = "messages[0].content[1]"


class Image2TextService:
    """Describes images."""

    def __init__(self, chat: ChatService) -> None:
        self._chat = chat

    def invoke(self, caller: Caller, model: str | None, request: DescriptionRequest) -> ChatResult:
        """The description as the result's text, settled.

        Raises:
            InvalidRequest: When there is no image, or it is a link and the provider fetches none.
        """
        if not request.image or (request.image[:5].lower() == "data:" and request.image.endswith(",")):
            raise InvalidRequest("image is empty", param="image")
        prompt = request.prompt or f"{_PROMPT} Answer in {request.lang}."
        content = [
            {"type": "text", "text": prompt},
            {"type": "image_url", "image_url": {"url": request.image}},
        ]
        chat = ChatRequest([{"role": "user", "content": content}], params=request.params)
        try:
            return self._chat.invoke(caller, model, chat, ModelType.IMAGE2TEXT)
        except (InvalidRequest, UnsupportedModelType) as error:
            if not (error.param or "").startswith(_IMAGE):
                raise
            raise type(error)(
                error.message.replace(error.param or _IMAGE, "image"), param="image", code=error.code
            ) from error

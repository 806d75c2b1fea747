"""Image2text: ``POST /v1/image2text``, or direct."""

from tenant_llm.bootstrap import image2text_service
from tenant_llm.surface import image2text
from tenant_llm.surface.entrypoint import Answer, Call, entrypoint


def invoke_image2text(call: Call) -> Answer:
    """The description of an image."""
    asked = image2text.ask(call)
    return Answer(image2text.render(image2text_service().invoke(call.caller, asked.model, asked.request)))


handler = entrypoint({"POST /v1/image2text": invoke_image2text}, prepare=image2text_service)

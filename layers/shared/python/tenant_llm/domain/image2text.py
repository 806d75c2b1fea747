"""Image2text: an image in, a description out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenant_llm.domain.wire import Json


@dataclass(frozen=True, slots=True)
class DescriptionRequest:
    """An image to describe: an ``https:`` or ``data:`` URL. Without a prompt the service asks in ``lang``."""

    image: str = field(repr=False)
    prompt: str | None = None
    lang: str = "Chinese"
    params: Mapping[str, Json] = field(default_factory=dict)

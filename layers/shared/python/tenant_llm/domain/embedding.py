"""Embedding: texts in, one vector a text out, in the order of the texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json

type EmbeddingInput = str | list[int]
"""A text, or its token ids for the providers that take them."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to embed; ``purpose`` says on which side of a search they stand, for models that care."""

    inputs: Sequence[EmbeddingInput] = field(repr=False)
    purpose: Literal["document", "query"] = "document"
    dimensions: int | None = None
    params: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """``vectors`` has the shape (inputs, dimensions)."""

    vectors: list[list[float]] = field(repr=False)
    usage: Usage | None = None
    model: str = ""

"""Rerank: a query and documents in, a score in [0, 1] a document out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Documents to judge against a query; ``top_n`` keeps only the best."""

    query: str = field(repr=False)
    documents: Sequence[str] = field(repr=False)
    top_n: int | None = None
    params: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The score of the document at ``index`` of the request.

    ``given`` is the provider's own, which orders documents whose scores are equal.
    """

    index: int
    score: float
    given: float = field(default=0.0, compare=False, repr=False)


def best_first(ranked: Iterable[Ranked]) -> list[Ranked]:
    """By score, then by the provider's own, then in the documents' order."""
    return sorted(ranked, key=lambda item: (-item.score, -item.given, item.index))


@dataclass(frozen=True, slots=True)
class RerankResult:
    """``ranked`` as the provider ordered them; the service sorts and cuts."""

    ranked: tuple[Ranked, ...]
    usage: Usage | None = None
    model: str = ""

    @property
    def scores(self) -> list[float]:
        """The scores in the documents' order, where every document was ranked."""
        return [item.score for item in sorted(self.ranked, key=lambda item: item.index)]

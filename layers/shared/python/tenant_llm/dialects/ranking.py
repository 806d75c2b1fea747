"""Reading the results of a rerank, and the fixed rules by which a provider's scores become scores in [0, 1].

A score judges one document alone: the same pair of query and document has the same score in every call, whatever else
stands in it, so that thresholds mean something and batches can be put together. Nothing here looks at the other scores
of an answer. Which rule holds is the dialect's to say, never the answer's:

* ``in_unit`` for wires that promise [0, 1]. It leaves such scores as they are; all beyond are the nearer end, since a
  rule that keeps 0 and 1 has no room for them. What it makes equal is still ranked by the provider's own score, which
  goes along, so that a server that breaks the promise (cosines below 0, logits of a self-hosted model) ranks rightly,
  in one batch and in several; only its scores say little.
* ``sigmoid`` for wires known to give logits.

Both are monotone: a larger score of the provider's is never a smaller one of ours.
"""

from collections.abc import Callable, Sequence
from math import exp, isnan

from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.rerank import Ranked, RerankRequest
from tenant_llm.domain.wire import Json, JsonObject


def in_unit(score: float) -> float:
    """A score that is in [0, 1] anyway; every other real number is the nearer end."""
    return min(max(score, 0.0), 1.0)


def sigmoid(logit: float) -> float:
    """The probability behind a logit; written so that no large number overflows."""
    return 1 / (1 + exp(-logit)) if logit >= 0 else exp(logit) / (1 + exp(logit))


def ranked(
    results: Json, request: RerankRequest, rule: Callable[[float], float], names: Sequence[str] = ("relevance_score",)
) -> tuple[Ranked, ...]:
    """The results in the provider's order.

    Args:
        results: the list in the answer, objects with ``index`` and the score under one of the names.
        request: what was asked: its documents are what an index can point at.
        rule: from the provider's score to ours.
        names: what the score is called.

    Raises:
        MalformedAnswer: When a result is not understood, points at no document or at one a second time, or when fewer
            documents come back than were asked for.
    """
    if not isinstance(results, list):
        raise MalformedAnswer(f"the provider's answer has no results: {str(results)[:200]!r}")
    found: dict[int, Ranked] = {}
    for item in results:
        index = item.get("index") if isinstance(item, dict) else None
        if not isinstance(index, int) or not 0 <= index < len(request.documents) or index in found:
            raise MalformedAnswer(f"the provider ranked no document of the request, or one twice: {str(item)[:200]!r}")
        score = _score(item, names)
        found[index] = Ranked(index, rule(score), score)
    wanted = len(request.documents) if request.top_n is None else min(request.top_n, len(request.documents))
    if len(found) < wanted:
        raise MalformedAnswer(f"the provider ranked {len(found)} documents where {wanted} were asked for")
    return tuple(found.values())


def _score(item: JsonObject, names: Sequence[str]) -> float:
    score = next((item[name] for name in names if item.get(name) is not None), None)
    if not isinstance(score, int | float) or isinstance(score, bool) or isnan(score):
        raise MalformedAnswer(f"the provider gave no score: {str(item)[:200]!r}")
    return float(score)

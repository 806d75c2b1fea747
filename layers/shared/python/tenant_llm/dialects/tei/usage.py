"""Counts that stand in headers: https://github.com/huggingface/text-embeddings-inference (router, http/server.rs)."""

from collections.abc import Mapping

from tenant_llm.domain.usage import Usage


def usage_of(headers: Mapping[str, str]) -> Usage | None:
    """The tokens that the server computed; ``None`` where a proxy has taken the header away."""
    tokens = headers.get("x-compute-tokens", "")
    return Usage(int(tokens)) if tokens.isdecimal() else None

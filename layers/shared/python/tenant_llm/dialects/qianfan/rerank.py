"""Rerank: https://cloud.baidu.com/doc/WENXINWORKSHOP/s/Dm6071svf."""

from dataclasses import replace

from tenant_llm.dialects.jina import rerank as jina
from tenant_llm.dialects.jina.rerank import parse
from tenant_llm.dialects.qianfan.place import named
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "render"]


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and documents; this API has no switch for repeating the documents, which it always does."""
    wire = jina.render(request, target)
    body = {name: value for name, value in (wire.json or {}).items() if name != "return_documents"}
    return named(replace(wire, json=body), target)

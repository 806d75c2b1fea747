"""Chat: https://cloud.tencent.com/document/product/1823/132252.

Until 2026-09-30 there was an API of its own, signed with a pair of keys; the announcement that it ends:
https://cloud.tencent.com/document/product/1729/131925.
"""

from tenant_llm.dialects.openai import chat as openai
from tenant_llm.dialects.openai.chat import parse, parse_stream
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import CredentialMissing
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_stream", "render"]

_KEY = "api_key"
_PAIR = ("hunyuan_sid", "hunyuan_sk")


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request in OpenAI's words.

    Raises:
        CredentialMissing: When the tenant has only the pair of keys of before, as fields or as the JSON it was once
            stored as, which must not be sent as if it were a key.
    """
    if _is_pair(target):
        raise CredentialMissing(
            f"the stored credential is the pair {_PAIR[0]} and {_PAIR[1]}, whose API ended on 2026-09-30: "
            f"store an API key of the platform after it as {_KEY!r}",
            param=_KEY,
        )
    return openai.render(request, target)


def _is_pair(target: Target) -> bool:
    fields = target.credential.fields
    key = fields.get(_KEY, "").strip()
    return any(name in key for name in _PAIR) or (not key and any(name in fields for name in _PAIR))

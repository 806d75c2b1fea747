"""A tenant's models as OpenAI lists models (https://platform.openai.com/docs/api-reference/models)."""

from collections.abc import Iterable

from tenant_llm.domain.errors import ModelNotAuthorized
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.wire import JsonObject


def render(row: TenantModel) -> JsonObject:
    """OpenAI's model object: the address as ``id``, the factory as ``owned_by``, and what more a row tells.

    ``created`` is always 0: rows keep no time, and OpenAI's clients want an integer there.
    """
    return {
        "id": row.address,
        "object": "model",
        "created": 0,
        "owned_by": row.llm_factory,
        "llm_name": row.llm_name,
        "model_type": row.model_type.value,
        "max_tokens": row.max_tokens,
        "is_tools": row.is_tools,
        "used_tokens": row.used_tokens,
        "status": row.status,
    }


def render_list(rows: Iterable[TenantModel]) -> JsonObject:
    """OpenAI's list object, in the order of the rows."""
    return {"object": "list", "data": [render(row) for row in rows]}


def pick(rows: Iterable[TenantModel], model: str) -> TenantModel:
    """The row of that address.

    Raises:
        ModelNotAuthorized: When the tenant has none; with the words and the code that a call would get.
    """
    for row in rows:
        if row.address == model:
            return row
    raise ModelNotAuthorized(f"Model({model}) not authorized", param="model")

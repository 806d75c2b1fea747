import pytest
from openai.types import Model

from tenant_llm.domain.errors import ModelNotAuthorized
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.surface.openai_models import pick, render, render_list

_ROWS = [
    TenantModel(
        "t", "qwen@q4", "LM-Studio", ModelType.CHAT, api_base="http://box:1234", max_tokens=4096, is_tools=True
    ),
    TenantModel("t", "BAAI/bge-m3", "Xinference", ModelType.EMBEDDING, used_tokens=17, status="0"),
]


def test_a_model_is_what_openais_client_reads_and_more() -> None:
    model = Model.model_validate(render(_ROWS[0]), strict=True)

    assert (model.id, model.object, model.owned_by, model.created) == ("qwen@q4@LM-Studio", "model", "LM-Studio", 0)
    assert model.to_dict() == {
        "id": "qwen@q4@LM-Studio",
        "object": "model",
        "created": 0,
        "owned_by": "LM-Studio",
        "llm_name": "qwen@q4",
        "model_type": "chat",
        "max_tokens": 4096,
        "is_tools": True,
        "used_tokens": 0,
        "status": "1",
    }


def test_a_list_keeps_the_order_of_the_rows() -> None:
    answer = render_list(_ROWS)

    assert answer["object"] == "list"
    assert [item["id"] for item in answer["data"]] == ["qwen@q4@LM-Studio", "BAAI/bge-m3@Xinference"]


def test_a_model_is_picked_by_its_whole_address() -> None:
    assert pick(_ROWS, "BAAI/bge-m3@Xinference") is _ROWS[1]


def test_a_model_that_the_tenant_lacks_is_named() -> None:
    with pytest.raises(ModelNotAuthorized, match=r"^Model\(gpt-4@OpenAI\) not authorized$"):
        pick(_ROWS, "gpt-4@OpenAI")

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import ModelConfig
from tenant_llm.surface.model_config import render


def test_a_config_has_the_specifications_fields_and_no_other() -> None:
    config = ModelConfig(
        tenant_id="tenant123",
        llm_name="gpt-4",
        factory="OpenAI",
        model_type=ModelType.CHAT,
        dialect="openai",
        base_url="https://api.example.com/v1",
        wire_name="gpt-4",
        max_tokens=8192,
        is_tools=True,
        row="gpt-4@OpenAI",
    )

    assert render(config) == {
        "llm_factory": "OpenAI",
        "llm_name": "gpt-4",
        "api_base": "https://api.example.com/v1",
        "model_type": "chat",
        "max_tokens": 8192,
        "is_tools": True,
    }

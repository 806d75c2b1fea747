"""Where a deployment answers, for every base URL that a portal shows."""

import pytest

from tenant_llm.dialects.azure_openai.place import at_deployment
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Bearer, WireRequest

ROW = Quirks(query={"api-version": "2024-10-21", "x": "1"})
PLACE = "https://r.openai.azure.com/openai/deployments/gpt/embeddings"


def place(base_url: str, quirks: Quirks = ROW, fields: dict[str, str] | None = None) -> WireRequest:
    config = ModelConfig("t", "m", "F", ModelType.EMBEDDING, "azure_openai", base_url, "gpt", quirks)
    target = Target(config, Credential(fields or {}))
    return at_deployment(WireRequest("https://nowhere.example"), target, "embeddings")


@pytest.mark.parametrize(
    "base_url",
    [
        "https://r.openai.azure.com",
        "https://r.openai.azure.com/",
        "https://r.openai.azure.com/openai",
        "https://r.openai.azure.com/openai/deployments/gpt",
        "https://r.openai.azure.com/openai/deployments/other/chat/completions?api-version=2023-05-15",
    ],
)
def test_every_form_of_a_base_url_leads_to_the_deployment(base_url: str) -> None:
    wire = place(base_url)

    assert wire.url == PLACE
    assert wire.query == {"x": "1", "api-version": "2024-10-21"}


def test_the_v1_api_needs_no_version_and_keeps_other_query_fields() -> None:
    wire = place("https://r.services.ai.azure.com/openai/v1/", fields={"api_version": "2024-02-01"})

    assert wire.url == "https://r.services.ai.azure.com/openai/v1/embeddings"
    assert wire.query == {"x": "1"}


@pytest.mark.parametrize(
    ("fields", "version"), [({}, "2024-05-01-preview"), ({"api_version": "2025-01-01"}, "2025-01-01")]
)
def test_models_of_all_makers_answer_at_one_place_with_a_version_of_its_own(
    fields: dict[str, str], version: str
) -> None:
    wire = place("https://r.services.ai.azure.com/models", fields=fields)

    assert wire.url == "https://r.services.ai.azure.com/models/embeddings"
    assert wire.query == {"x": "1", "api-version": version}


def test_without_any_version_none_is_sent() -> None:
    assert place("https://r.openai.azure.com", Quirks()).query == {}


def test_a_row_may_let_the_key_travel_as_a_bearer_token() -> None:
    assert place("https://r.openai.azure.com", Quirks(auth="bearer")).auth == Bearer()


@pytest.mark.parametrize("version", ["2024-02-01", " 2025-04-01-preview\n", "preview", "latest"])
def test_a_stored_version_goes_along(version: str) -> None:
    assert place("https://r.openai.azure.com", fields={"api_version": version}).query["api-version"] == version.strip()


@pytest.mark.parametrize("version", ["eastus", "2024", "2024-02-01&x=1", "v1"])
def test_what_is_no_version_is_told_by_field_and_value(version: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        place("https://r.openai.azure.com", fields={"api_version": version})

    assert caught.value.param == "api_version"
    assert repr(version) in caught.value.message

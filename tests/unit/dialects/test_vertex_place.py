"""What becomes a part of a host's name: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations."""

import pytest

from tenant_llm.dialects.vertex.place import post
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target


def host(region: str) -> str:
    config = ModelConfig("t", "gemini", "F", ModelType.CHAT, "vertex", "https://aiplatform.googleapis.com", "gemini")
    fields = {"google_project_id": "p", "google_region": region, "google_service_account_key": "{}"}
    return post(Target(config, Credential(fields)), "generateContent", {}, version="v1").url.split("/")[2]


@pytest.mark.parametrize(
    "region", ["us-central1", "europe-west12", "northamerica-northeast2", "me-central1", "africa-south1", "us-east5"]
)
def test_a_region_has_a_host_of_its_own(region: str) -> None:
    assert host(f" {region}\n") == f"{region}-aiplatform.googleapis.com"


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_what_is_larger_than_a_region_has_one_too(region: str, name: str) -> None:
    assert host(region) == name


@pytest.mark.parametrize(
    "region", ["", "us-central", "us-centrel1", "us-central-1", "asia", "US-CENTRAL1", "x.evil.com/"]
)
def test_what_is_no_region_is_told_by_field_and_value(region: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        host(region)

    assert caught.value.param == "google_region"
    assert repr(region) in caught.value.message

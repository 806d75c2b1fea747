"""Whose model an id means, and what becomes a part of a host's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.dialects.bedrock.place import region, vendor
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target

URL = "https://bedrock-runtime.{region}.amazonaws.com"


def target(**fields: str) -> Target:
    return Target(ModelConfig("t", "m", "F", ModelType.CHAT, "bedrock", URL, "m"), Credential(fields))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("amazon.titan-embed-text-v2:0", ("amazon", "titan-embed-text-v2:0")),
        ("us.cohere.embed-v4:0", ("cohere", "embed-v4:0")),
        ("us-gov.anthropic.claude-3-haiku", ("anthropic", "claude-3-haiku")),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", ("amazon", "nova-pro-v1:0")),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.amazon.nova-pro-v1:0", ("amazon", "nova-pro-v1:0")),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", ("", "")),
        ("claude", ("", "")),
    ],
)
def test_an_id_tells_who_made_the_model(model: str, expected: tuple[str, str]) -> None:
    assert vendor(model) == expected


@pytest.mark.parametrize(
    "name",
    [
        "us-east-1",
        "ap-southeast-7",
        "us-gov-west-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "eusc-de-east-1",
        "mx-central-1",
    ],
)
def test_regions_are_taken(name: str) -> None:
    assert region(target(bedrock_region=f" {name} ")) == name


@pytest.mark.parametrize(
    "name", ["us-esat-1", "us-east1", "US-EAST-1", "eu_west_1", "us-east", "us-east-1a", "europe-west-1", " "]
)
def test_what_is_no_region_is_told_by_field_and_value(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        region(target(bedrock_region=name))

    assert caught.value.param == "bedrock_region"
    assert repr(name.strip()) in caught.value.message


def test_an_empty_field_is_not_a_region_of_its_own() -> None:
    assert region(target(bedrock_region="", region="eu-west-1")) == "eu-west-1"


@given(st.text(min_size=1).filter(str.strip))
def test_whatever_is_taken_can_only_be_one_label_of_a_host(name: str) -> None:
    try:
        taken = region(target(bedrock_region=name))
    except InvalidRequest:
        return

    assert all(letter in "abcdefghijklmnopqrstuvwxyz0123456789-" for letter in taken)

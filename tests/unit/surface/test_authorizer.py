from fnmatch import fnmatchcase

import pytest

from tenant_llm.domain.errors import Unauthorized
from tenant_llm.surface.authorizer import authorize, bearer
from tests.support.events import load_event

EVENTS = ["http/authorize_request", "http/authorize_token"]


def _known(token: str) -> str | None:
    return {"tllm_example": "tenant123"}.get(token)


@pytest.mark.parametrize("name", EVENTS)
def test_either_type_of_authorizer_event_yields_the_tenant(name: str) -> None:
    event = load_event(name)

    answer = authorize(event, _known)

    assert answer["context"] == {"tenant_id": "tenant123"}
    assert answer["principalId"] == "tenant123"


@pytest.mark.parametrize("name", EVENTS)
def test_the_policy_allows_every_tenant_route_of_the_stage_and_no_other(name: str) -> None:
    event = load_event(name)
    stage = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5"

    [statement] = authorize(event, _known)["policyDocument"]["Statement"]

    assert statement["Effect"] == "Allow"
    assert fnmatchcase(f"{stage}/prod/POST/v1/chat/completions", statement["Resource"])
    assert fnmatchcase(f"{stage}/prod/GET/v1/models/a%40b", statement["Resource"])
    assert not fnmatchcase(f"{stage}/prod/GET/admin/tenants", statement["Resource"])
    assert not fnmatchcase(f"{stage}/test/GET/v1/models", statement["Resource"])


def test_the_answer_holds_nothing_of_the_token() -> None:
    answer = authorize(load_event("http/authorize_request"), _known)

    assert "tllm_example" not in str(answer)


def test_an_unknown_token_is_answered_with_the_one_word_that_means_401() -> None:
    with pytest.raises(Unauthorized) as caught:
        authorize(load_event("http/authorize_token"), lambda token: None)

    assert str(caught.value) == "Unauthorized"


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Bearer ", "tllm_example", "Basic tllm_example", "Bearer " + "x" * 257, "Bearer tllm_é"],
)
def test_a_malformed_header_is_refused_without_a_look_up(sent: str) -> None:
    looked_up: list[str] = []

    with pytest.raises(Unauthorized):
        authorize({"authorizationToken": sent, "methodArn": "arn/prod/GET/v1/models"}, looked_up.append)

    assert looked_up == []


def test_a_request_without_headers_has_no_token() -> None:
    assert bearer({"headers": None}) is None


def test_header_and_scheme_are_read_in_any_case() -> None:
    assert bearer({"headers": {"authorization": "bearer  tllm_example "}}) == "tllm_example"

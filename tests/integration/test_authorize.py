import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from functions.authorize.handler import handler
from tenant_llm import bootstrap
from tenant_llm.domain.errors import ServiceUnavailable, Unauthorized
from tests.support.aws import Aws
from tests.support.events import load_event
from tests.support.functions import LambdaContext
from tests.support.metrics import inside_lambda


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("kind", ["REQUEST", "TOKEN"])
def test_an_issued_token_becomes_its_tenant(kind: str) -> None:
    token, _ = bootstrap.token_repository().issue("tenant123", "staging")
    event = load_event(f"http/authorize_{kind.lower()}")
    if kind == "TOKEN":
        event["authorizationToken"] = f"Bearer {token}"
    else:
        event["headers"]["Authorization"] = f"Bearer {token}"

    answer = handler(event, LambdaContext())

    assert answer["context"] == {"tenant_id": "tenant123"}
    assert answer["policyDocument"]["Statement"] == [
        {
            "Action": "execute-api:Invoke",
            "Effect": "Allow",
            "Resource": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/*/v1/*",
        }
    ]
    assert token not in json.dumps(answer)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("fate", ["expired", "revoked", "unknown"])
def test_a_token_that_is_not_valid_now_is_unauthorized(fate: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="tenant_llm")
    tokens = bootstrap.token_repository()
    expires = datetime.now(UTC) - timedelta(seconds=1) if fate == "expired" else None
    token, kept = tokens.issue("tenant123", "staging", expires)
    if fate == "revoked":
        tokens.revoke("tenant123", kept.token_id)
    sent = f"{token[:-4]}AAAA" if fate == "unknown" else token

    with pytest.raises(Unauthorized) as caught:
        handler({**load_event("http/authorize_token"), "authorizationToken": f"Bearer {sent}"}, LambdaContext())

    assert str(caught.value) == "Unauthorized"
    assert token not in caplog.text


def test_a_table_that_refuses_is_not_a_wrong_token_and_is_counted(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN_TABLE", "absent")
    bootstrap.reset()
    inside_lambda(monkeypatch)

    with pytest.raises(ServiceUnavailable):
        handler(load_event("http/authorize_token"), LambdaContext())

    assert '"UncheckedTokens":[1.0]' in capsys.readouterr().out


@pytest.mark.usefixtures("aws")
def test_a_wrong_token_is_counted_by_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inside_lambda(monkeypatch)

    with pytest.raises(Unauthorized):
        handler({**load_event("http/authorize_token"), "authorizationToken": "Bearer wrong"}, LambdaContext())

    assert capsys.readouterr().out == ""

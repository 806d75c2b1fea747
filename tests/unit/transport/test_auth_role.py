"""Roles of tenants' accounts, asked for at an STS of our own: https://docs.aws.amazon.com/STS/latest/APIReference/."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    CredentialMissing,
    CredentialRejected,
    DeadlineExceeded,
    ProviderUnavailable,
    ServiceUnavailable,
    TenantLLMError,
)
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.wire import AssumedRole
from tenant_llm.settings import Settings
from tenant_llm.transport.auth import role
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Retry
from tests.support.provider import ProviderServer
from tests.support.transport import OPEN, chain, post, soon, target

ARN = "arn:aws:iam::111122223333:role/tenants/llm"
ALLOWED = replace(OPEN, assumable_role_arn="arn:aws:iam::*:role/tenants/*")
OURS = {"AWS_ACCESS_KEY_ID": "AKIAOURS", "AWS_SECRET_ACCESS_KEY": "our-own-secret", "AWS_DEFAULT_REGION": "us-east-1"}
_SESSION = """<{operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></{operation}Response>"""
_ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{}</Code>
<Message>User: arn:aws:sts::999999999999:assumed-role/ours/x is not authorized</Message></Error></ErrorResponse>"""


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    """AWS STS, apart from the provider; nothing is kept from before."""
    server = ProviderServer()
    server.start()
    for name, value in {**OURS, "AWS_ENDPOINT_URL_STS": server.url}.items():
        monkeypatch.setenv(name, value)
    _forget()
    yield server
    server.stop()
    _forget()


def _forget() -> None:
    role.keys.cache_clear()
    role._session.cache_clear()


def auth(tenant_id: str = "acme", region: str = "eu-west-1") -> AssumedRole:
    return AssumedRole("bedrock", region, "aws_role_arn", tenant_id)


def account(arn: str = ARN) -> Target:
    return replace(target(), credential=Credential({"aws_role_arn": arn}))


def grant(sts: ProviderServer, key: str = "ASIAROLE") -> None:
    sts.reply(content=_SESSION.format(operation="AssumeRole", key=key).encode(), headers={"Content-Type": "text/xml"})


def refuse(sts: ProviderServer, code: str, status: int = 403) -> None:
    sts.reply(content=_ERROR.format(code).encode(), status=status, headers={"Content-Type": "text/xml"})


def send(
    provider: ProviderServer,
    scheme: AssumedRole | None = None,
    settings: Settings = ALLOWED,
    arn: str = ARN,
    deadline: Deadline | None = None,
) -> None:
    with closing(HttpTransport(settings, Retry(2, sleep=lambda _: None))) as transport:
        transport.send(post(provider, scheme or auth()), account(arn), deadline or soon())


def asked(sts: ProviderServer) -> list[dict[str, str]]:
    return [{name: value for name, (value,) in parse_qs(request.body.decode()).items()} for request in sts.requests]


def test_the_role_is_taken_on_for_this_tenant_alone(sts: ProviderServer, provider: ProviderServer) -> None:
    grant(sts)
    provider.reply({})

    send(provider)

    assert asked(sts) == [
        {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": ARN,
            "RoleSessionName": "tenant-acme",
            "ExternalId": "secrets/acme",
            "DurationSeconds": "3600",
        }
    ]
    assert "Credential=AKIAOURS/" in sts.requests[0].headers["authorization"]
    assert "/eu-west-1/sts/aws4_request" in sts.requests[0].headers["authorization"]


def test_the_request_is_signed_with_the_roles_keys(sts: ProviderServer, provider: ProviderServer) -> None:
    grant(sts)
    provider.reply({})

    send(provider)

    (request,) = provider.requests
    assert "Credential=ASIAROLE/" in request.headers["authorization"]
    assert "/eu-west-1/bedrock/aws4_request" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "role-token"


def test_the_operators_prefix_stands_before_the_tenant(sts: ProviderServer, provider: ProviderServer) -> None:
    grant(sts)
    provider.reply({})

    send(provider, settings=replace(ALLOWED, external_id_prefix="example.com:"))

    assert asked(sts)[0]["ExternalId"] == "example.com:acme"


@pytest.mark.parametrize("tenant_id", ["a", "x" * 64])
def test_a_tenants_id_fits_the_name_of_a_session(sts: ProviderServer, provider: ProviderServer, tenant_id: str) -> None:
    grant(sts)
    provider.reply({})

    send(provider, auth(tenant_id))

    (question,) = asked(sts)
    assert question["ExternalId"] == f"secrets/{tenant_id}"
    assert question["RoleSessionName"] == f"tenant-{tenant_id}"[:64]


def test_a_role_is_asked_for_once_a_tenant_and_region(sts: ProviderServer, provider: ProviderServer) -> None:
    for key in ("ASIA1", "ASIA2", "ASIA3"):
        grant(sts, key)
    provider.reply({})

    for scheme in (auth(), auth(), auth("other"), auth(region="us-east-1"), auth()):
        send(provider, scheme)

    used = [request.headers["authorization"].partition("Credential=")[2][:5] for request in provider.requests]
    assert used == ["ASIA1", "ASIA1", "ASIA2", "ASIA3", "ASIA1"]
    assert [question["ExternalId"] for question in asked(sts)] == ["secrets/acme", "secrets/other", "secrets/acme"]


def test_without_the_operators_word_no_role_is_asked_for(sts: ProviderServer, provider: ProviderServer) -> None:
    with pytest.raises(CredentialRejected, match=r"aws_role_arn: .*the parameter AssumableRoleArn") as caught:
        send(provider, settings=OPEN)

    assert caught.value.param == "aws_role_arn"
    assert (sts.connections, provider.connections) == (0, 0)


@pytest.mark.parametrize(
    ("pattern", "arn"),
    [
        ("arn:aws:iam::*:role/tenants/*", "arn:aws:iam::111122223333:role/admin"),
        ("arn:aws:iam::*:role/llm-?", "arn:aws:iam::111122223333:role/llm-10"),
        ("arn:aws:iam::*:role/a.b", "arn:aws:iam::111122223333:role/axb"),
        ("arn:aws:iam::*:role/[ab]", "arn:aws:iam::111122223333:role/a"),
    ],
)
def test_a_role_beside_the_pattern_is_not_asked_for(
    sts: ProviderServer, provider: ProviderServer, pattern: str, arn: str
) -> None:
    with pytest.raises(CredentialRejected, match="AssumableRoleArn allows") as caught:
        send(provider, settings=replace(OPEN, assumable_role_arn=pattern), arn=arn)

    assert repr(arn) in caught.value.message
    assert sts.connections == 0


@pytest.mark.parametrize("pattern", [ARN, "arn:aws:iam::111122223333:role/*", "arn:aws:iam::????????????:role/*llm"])
def test_a_role_of_the_pattern_is(sts: ProviderServer, provider: ProviderServer, pattern: str) -> None:
    grant(sts)
    provider.reply({})

    send(provider, settings=replace(OPEN, assumable_role_arn=pattern))

    assert len(provider.requests) == 1


@pytest.mark.parametrize("code", ["AccessDenied", "RegionDisabledException", "ValidationError"])
def test_a_refusal_says_what_the_trust_policy_has_to_name(
    sts: ProviderServer, provider: ProviderServer, code: str
) -> None:
    refuse(sts, code)

    with pytest.raises(CredentialRejected, match=f"{code}.*'secrets/acme'") as caught:
        send(provider)

    assert caught.value.param == "aws_role_arn"
    assert repr(ARN) in caught.value.message
    assert "999999999999" not in caught.value.message  # whose account this deployment is in
    assert len(sts.requests) == 1
    assert provider.connections == 0


@pytest.mark.parametrize(("code", "error"), [("Throttling", ProviderUnavailable), ("ExpiredToken", ServiceUnavailable)])
def test_a_refusal_that_is_not_the_tenants_fault_is_told_apart(
    sts: ProviderServer, provider: ProviderServer, code: str, error: type[TenantLLMError]
) -> None:
    refuse(sts, code, status=400)

    with pytest.raises(error, match=code):
        send(provider)


@pytest.mark.parametrize("content", [_ERROR.format("InternalFailure"), "<html>Bad Gateway</html>", ""])
def test_an_sts_that_fails_once_is_asked_again(sts: ProviderServer, provider: ProviderServer, content: str) -> None:
    sts.reply(content=content.encode(), status=503)
    grant(sts)
    provider.reply({})

    send(provider)

    assert len(sts.requests) == 2


def test_an_sts_that_is_silent_ends_with_the_call(sts: ProviderServer, provider: ProviderServer) -> None:
    sts.hang()

    with pytest.raises(DeadlineExceeded):
        send(provider, deadline=Deadline.after(0.3))


def test_an_sts_that_is_away_is_unavailable(
    sts: ProviderServer, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")  # nobody listens at "discard"

    with pytest.raises(ProviderUnavailable, match="'eu-west-1' cannot be reached"):
        send(provider)

    assert sts.connections == 0


def test_without_an_identity_of_its_own_the_deployment_says_so(
    sts: ProviderServer, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OURS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(ServiceUnavailable, match="no AWS identity"):
        send(provider)

    assert sts.connections == 0


def test_a_credential_without_the_field_is_told(sts: ProviderServer, transport: HttpTransport) -> None:
    with pytest.raises(CredentialMissing) as caught:
        transport.send(post(sts, auth()), target(), soon())

    assert caught.value.param == "aws_role_arn"


def test_no_error_holds_the_roles_keys_or_ours(sts: ProviderServer, provider: ProviderServer) -> None:
    grant(sts)
    provider.reply({"message": "no such model"}, status=404)

    with pytest.raises(TenantLLMError) as caught:
        send(provider)

    shown = "".join(f"{item} {item!r} {vars(item)}" for item in chain(caught.value))
    assert not any(secret in shown for secret in ("role-secret", "role-token", "our-own-secret"))

"""Tokens of service accounts, the assertion checked as the endpoint checks it: with the account's public key.

https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
"""

import json
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from time import time
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tenant_llm.domain.errors import (
    CredentialMissing,
    CredentialRejected,
    MalformedAnswer,
    ProviderUnavailable,
    TenantLLMError,
)
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.wire import GoogleOAuth, Json
from tenant_llm.transport.auth import google
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import ProviderServer, Received
from tests.support.transport import chain, post, soon, target

FIELD = "google_service_account_key"
AUTH = GoogleOAuth(FIELD)
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_file(**changes: Json) -> str:
    account = {
        "type": "service_account",
        "client_email": "bot@my-project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": PEM,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps({name: value for name, value in {**account, **changes}.items() if value is not None})


def account(text: str) -> Target:
    return replace(target(), credential=Credential({FIELD: text}))


@pytest.fixture(autouse=True)
def endpoint(provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The token endpoint at the provider's, and no token known."""
    monkeypatch.setattr(google, "ENDPOINT", f"{provider.url}/token")
    google.tokens.cache_clear()
    yield
    google.tokens.cache_clear()


def grant(provider: ProviderServer, token: str = "ya29.token", seconds: Json = 3599) -> None:
    provider.reply({"access_token": token, "expires_in": seconds, "token_type": "Bearer"})


def asked(provider: ProviderServer) -> list[str]:
    return [request.path for request in provider.requests]


def decoded(part: str) -> dict[str, Json]:
    found: dict[str, Json] = json.loads(urlsafe_b64decode(part + "=="))
    return found


def assertion(request: Received) -> str:
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    (text,) = form["assertion"]
    return text


@pytest.mark.parametrize("stored", [key_file(), b64encode(key_file().encode()).decode(), f" {key_file()}\n"])
def test_a_key_file_is_exchanged_for_a_token(transport: HttpTransport, provider: ProviderServer, stored: str) -> None:
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), account(stored), soon())

    assert asked(provider) == ["/token", "/v1/x"]
    assert provider.requests[1].headers["authorization"] == "Bearer ya29.token"
    assert "authorization" not in provider.requests[0].headers


def test_the_assertion_is_what_the_endpoint_asks_for(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), account(key_file()), soon())

    head, claims, signature = assertion(provider.requests[0]).split(".")
    said = decoded(claims)
    KEY.public_key().verify(urlsafe_b64decode(signature + "=="), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    assert said["iss"] == "bot@my-project.iam.gserviceaccount.com"
    assert said["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert said["aud"] == f"{provider.url}/token"
    assert said["exp"] - said["iat"] == 3600
    assert abs(said["iat"] - time()) < 60


def test_a_token_is_asked_for_once_an_account(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider, "one")
    provider.reply({})
    provider.reply({})
    grant(provider, "two")
    provider.reply({})

    for stored in (key_file(), key_file(), key_file(client_email="other@my-project.iam.gserviceaccount.com")):
        transport.send(post(provider, AUTH), account(stored), soon())

    assert asked(provider) == ["/token", "/v1/x", "/v1/x", "/token", "/v1/x"]
    assert [request.headers.get("authorization") for request in provider.requests] == [
        None, "Bearer one", "Bearer one", None, "Bearer two",
    ]  # fmt: skip


def test_a_token_about_to_end_is_not_used_again(transport: HttpTransport, provider: ProviderServer) -> None:
    for token in ("one", "two"):
        grant(provider, token, seconds=60)
        provider.reply({})

    for _ in range(2):
        transport.send(post(provider, AUTH), account(key_file()), soon())

    assert asked(provider) == ["/token", "/v1/x", "/token", "/v1/x"]
    assert provider.requests[3].headers["authorization"] == "Bearer two"


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "AIzaSomething",
        "{",
        "[]",
        "[" * 100_000,
        key_file(private_key=None),
        key_file(client_email=None),
        key_file(private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        key_file(
            private_key=ec.generate_private_key(ec.SECP256R1())
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            .decode()
        ),
    ],
    ids=["empty", "a key", "no JSON", "a list", "too deep", "no private key", "no account", "no PEM", "no RSA"],
)
def test_what_is_no_key_file_is_refused_unseen(transport: HttpTransport, provider: ProviderServer, stored: str) -> None:
    with pytest.raises(CredentialRejected, match="is not the JSON key file") as caught:
        transport.send(post(provider, AUTH), account(stored), soon())

    assert caught.value.param == FIELD
    assert not any(stored[:40] in f"{item!r} {vars(item)}" for item in chain(caught.value) if len(stored) > 10)
    assert provider.connections == 0


def test_a_token_is_never_asked_for_elsewhere(transport: HttpTransport, provider: ProviderServer) -> None:
    with pytest.raises(CredentialRejected, match=r"'https://evil\.example\.com/token', not Google's"):
        transport.send(post(provider, AUTH), account(key_file(token_uri="https://evil.example.com/token")), soon())

    assert provider.connections == 0


def test_a_credential_without_the_field_is_told(transport: HttpTransport, provider: ProviderServer) -> None:
    with pytest.raises(CredentialMissing) as caught:
        transport.send(post(provider, AUTH), target(), soon())

    assert caught.value.param == FIELD


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_key_that_the_endpoint_refuses_is_the_credentials_fault(
    transport: HttpTransport, provider: ProviderServer, status: int
) -> None:
    provider.reply({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status=status)

    with pytest.raises(CredentialRejected, match=r"Invalid JWT Signature\.") as caught:
        transport.send(post(provider, AUTH), account(key_file()), soon())

    assert caught.value.param == FIELD
    assert asked(provider) == ["/token"]


def test_an_endpoint_that_fails_is_asked_again(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"error": "backend_error"}, status=503)
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), account(key_file()), soon())

    assert asked(provider) == ["/token", "/token", "/v1/x"]


@pytest.mark.parametrize(
    ("body", "error"),
    [({}, MalformedAnswer), ([], MalformedAnswer), ({"access_token": "a\nb"}, MalformedAnswer)],
)
def test_an_answer_without_a_token_is_malformed(
    transport: HttpTransport, provider: ProviderServer, body: Json, error: type[TenantLLMError]
) -> None:
    provider.reply(body)

    with pytest.raises(error, match="no access token"):
        transport.send(post(provider, AUTH), account(key_file()), soon())


def test_an_endpoint_that_stays_away_is_unavailable(transport: HttpTransport, provider: ProviderServer) -> None:
    for _ in range(3):
        provider.reply({}, status=500)

    with pytest.raises(ProviderUnavailable):
        transport.send(post(provider, AUTH), account(key_file()), soon())


def test_the_key_itself_is_never_sent(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), account(key_file()), soon())

    secret = PEM.splitlines()[1].encode()
    assert not any(secret in request.body for request in provider.requests)

"""AWS's signature, checked as the service checks it: from the request that arrived.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from dataclasses import replace
from urllib.parse import quote

import pytest

from tenant_llm.domain.errors import CredentialMissing, CredentialRejected
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.wire import SigV4, WireRequest
from tenant_llm.transport.http import HttpTransport
from tests.support.eventstream import event
from tests.support.provider import ProviderServer, Received
from tests.support.transport import soon, target

AUTH = SigV4("bedrock", "eu-west-1", "id", "secret")
KEYS = {"id": "AKIDEXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": "FwoGZXIvYXdzE=="}


def aws(**changes: str) -> Target:
    return replace(target(), credential=Credential({**KEYS, **changes}))


def ask(provider: ProviderServer, auth: SigV4 = AUTH) -> WireRequest:
    path = "/model/arn%3Aaws%3Abedrock%3Aeu%3A%3Aprofile%2Fx%3A0/converse"
    return WireRequest(provider.url + path, json={"a": "ü"}, query={"b": "23", "a": "1"}, auth=auth)


def expected(request: Received, secret: str) -> str:
    """The ``Authorization`` that the service would compute."""
    head = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}",
        request.headers["authorization"],
    )
    assert head is not None
    key_id, day, region, service, names = head.groups()
    path = quote(request.path, safe="/~")
    query = "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(request.query.items())
    )
    signed = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names.split(";"))
    parts = (request.method, path, query, signed, names, hashlib.sha256(request.body).hexdigest())
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for word in (day, region, service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def test_the_signature_is_the_one_that_the_service_computes(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(ask(provider), aws(), soon())

    (request,) = provider.requests
    assert request.path == "/model/arn%3Aaws%3Abedrock%3Aeu%3A%3Aprofile%2Fx%3A0/converse"
    assert request.headers["authorization"] == expected(request, KEYS["secret"])
    assert "Credential=AKIDEXAMPLE/" in request.headers["authorization"]
    assert "/eu-west-1/bedrock/aws4_request" in request.headers["authorization"]
    assert {"host", "x-amz-date", "content-type"} <= set(names_signed(request))


def names_signed(request: Received) -> list[str]:
    _, _, rest = request.headers["authorization"].partition("SignedHeaders=")
    return rest.partition(",")[0].split(";")


def test_another_secret_makes_another_signature(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(ask(provider), aws(secret="another"), soon())

    (request,) = provider.requests
    assert request.headers["authorization"] != expected(request, KEYS["secret"])


def test_a_session_token_is_sent_and_signed(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(ask(provider, replace(AUTH, token="token")), aws(), soon())

    (request,) = provider.requests
    assert request.headers["x-amz-security-token"] == KEYS["token"]
    assert request.headers["authorization"] == expected(request, KEYS["secret"])
    assert "x-amz-security-token" in names_signed(request)


def test_the_secret_itself_is_never_sent(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(ask(provider), aws(), soon())

    (request,) = provider.requests
    assert not any(KEYS["secret"] in value for value in request.headers.values())


def test_a_stream_is_signed_and_cut_into_its_events(transport: HttpTransport, provider: ProviderServer) -> None:
    stream = event("messageStart", {"role": "assistant"}) + event("messageStop", {"stopReason": "end_turn"})
    provider.stream(stream[:30], stream[30:], content_type="application/vnd.amazon.eventstream")

    with transport.stream(replace(ask(provider), framing="aws"), aws(), soon()) as arriving:
        found = [one.event for one in arriving]

    assert found == ["messageStart", "messageStop"]
    assert provider.requests[0].headers["authorization"] == expected(provider.requests[0], KEYS["secret"])


@pytest.mark.parametrize("field", ["id", "secret"])
def test_a_key_that_is_not_stored_is_named(transport: HttpTransport, provider: ProviderServer, field: str) -> None:
    keys = {name: value for name, value in KEYS.items() if name != field}

    with pytest.raises(CredentialMissing) as caught:
        transport.send(ask(provider), replace(target(), credential=Credential(keys)), soon())
    assert caught.value.param == field
    assert provider.requests == []


@pytest.mark.parametrize("value", ["", "two\nlines", "schlüssel"])
def test_what_is_no_key_is_not_sent(transport: HttpTransport, provider: ProviderServer, value: str) -> None:
    with pytest.raises(CredentialRejected) as caught:
        transport.send(ask(provider), aws(id=value), soon())
    assert caught.value.param == "id"
    assert provider.requests == []

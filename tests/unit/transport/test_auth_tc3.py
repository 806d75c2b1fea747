"""Tencent Cloud's signature: the documentation's worked example, and as the service checks it, from what arrived.

https://cloud.tencent.com/document/api/213/30654
"""

import hashlib
import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime
from time import time

import pytest
from httpx import Request

from tenant_llm.domain.errors import CredentialMissing, CredentialRejected
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.wire import TC3, WireRequest
from tenant_llm.transport.auth import tc3
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import ProviderServer, Received
from tests.support.transport import soon, target

AUTH = TC3("asr", "id", "secret")
KEYS = {"id": "AKIDEXAMPLE", "secret": "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"}


def signer(**changes: str) -> Target:
    return replace(target(), credential=Credential({**KEYS, **changes}))


def ask(provider: ProviderServer, path: str = "", action: str = "DescribeTaskStatus") -> WireRequest:
    return WireRequest(provider.url + path, json={"a": "ü"}, headers={"X-TC-Action": action}, auth=AUTH)


def expected(request: Received, secret: str) -> str:
    """The ``Authorization`` that the service would compute."""
    head = re.fullmatch(
        r"TC3-HMAC-SHA256 Credential=([^/]+)/(\d{4}-\d\d-\d\d)/([^/]+)/tc3_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}",
        request.headers["authorization"],
    )
    assert head is not None
    key_id, day, service, names = head.groups()
    signed = "".join(f"{name}:{request.headers[name].strip().lower()}\n" for name in names.split(";"))
    parts = (request.method, "/", "", signed, names, hashlib.sha256(request.body).hexdigest())
    scope = f"{day}/{service}/tc3_request"
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    key = f"TC3{secret}".encode()
    for word in (day, service, "tc3_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    text = f"TC3-HMAC-SHA256\n{request.headers['x-tc-timestamp']}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"TC3-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def test_the_documentations_example_has_the_documentations_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tc3, "time", lambda: 1551113065.9)
    request = Request(
        "POST",
        "https://cvm.tencentcloudapi.com",
        headers={"Content-Type": "application/json; charset=utf-8", "X-TC-Action": "DescribeInstances"},
        content=rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}',
    )
    keys = Credential({"id": "AKID" + "*" * 32, "secret": "*" * 32})  # as printed there

    tc3.tc3(request, TC3("cvm", "id", "secret"), keys, None)

    assert request.headers["x-tc-timestamp"] == "1551113065"
    assert request.headers["authorization"] == (
        "TC3-HMAC-SHA256 Credential=AKID********************************/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


@pytest.mark.parametrize("path", ["", "/", "/through/a/gateway"])
def test_the_signature_is_the_one_that_the_service_computes(
    transport: HttpTransport, provider: ProviderServer, path: str
) -> None:
    provider.reply({})

    transport.send(ask(provider, path), signer(), soon())

    (request,) = provider.requests
    assert request.headers["authorization"] == expected(request, KEYS["secret"])
    assert "/asr/tc3_request, SignedHeaders=content-type;host;x-tc-action," in request.headers["authorization"]
    assert request.headers["x-tc-action"] == "DescribeTaskStatus"


def test_the_second_and_the_day_are_those_of_the_call(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})
    before = int(time())

    transport.send(ask(provider), signer(), soon())

    (request,) = provider.requests
    told = int(request.headers["x-tc-timestamp"])
    assert before <= told <= time()
    assert f"/{datetime.fromtimestamp(told, UTC):%Y-%m-%d}/" in request.headers["authorization"]


def test_each_attempt_is_signed_anew(
    transport: HttpTransport, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter((1551113065.0, 1551113066.0))
    monkeypatch.setattr(tc3, "time", lambda: next(seconds))
    provider.reply({}, status=503)
    provider.reply({})

    transport.send(ask(provider), signer(), soon())

    assert [request.headers["x-tc-timestamp"] for request in provider.requests] == ["1551113065", "1551113066"]
    assert all(request.headers["authorization"] == expected(request, KEYS["secret"]) for request in provider.requests)


def test_another_secret_makes_another_signature(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(ask(provider), signer(secret="another"), soon())

    (request,) = provider.requests
    assert request.headers["authorization"] != expected(request, KEYS["secret"])


def test_the_secret_itself_is_never_sent(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(ask(provider), signer(), soon())

    (request,) = provider.requests
    assert not any(KEYS["secret"] in value for value in request.headers.values())


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
        transport.send(ask(provider), signer(secret=value), soon())
    assert caught.value.param == "secret"
    assert provider.requests == []

"""iFlytek's signature, checked as the service checks it: https://www.xfyun.cn/doc/tts/online_tts/API.html."""

import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tenant_llm.domain.errors import CredentialMissing, CredentialRejected
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.wire import SignedLine, WireRequest
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import ProviderServer, Received
from tests.support.transport import soon, target

AUTH = SignedLine("id", "secret")


def keyed(**fields: str) -> Target:
    return replace(target(), credential=Credential({"id": "keyxxx8ee279", "secret": "secretxxx2df7900", **fields}))


def expected(request: Received, secret: str) -> str:
    """The signature that the service would compute."""
    told = request.query
    signed = f"host: {told['host']}\ndate: {told['date']}\n{request.method} {request.path} HTTP/1.1"
    return b64encode(hmac.digest(secret.encode(), signed.encode(), "sha256")).decode()


def test_the_signature_is_the_one_that_the_service_computes(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(WireRequest(f"{provider.url}/v2/tts?a=1", "GET", auth=AUTH), keyed(), soon())

    (request,) = provider.requests
    told = b64decode(request.query["authorization"]).decode()
    fields = dict(re.findall(r'(\w+)="([^"]*)"', told))
    assert fields == {
        "api_key": "keyxxx8ee279",
        "algorithm": "hmac-sha256",
        "headers": "host date request-line",
        "signature": expected(request, "secretxxx2df7900"),
    }
    assert request.query["host"] == "127.0.0.1"
    assert request.query["a"] == "1"
    assert request.query["date"].endswith(" GMT")
    assert abs(datetime.now(UTC) - parsedate_to_datetime(request.query["date"])) < timedelta(minutes=1)


@pytest.mark.parametrize("name", ["id", "secret"])
def test_a_key_that_cannot_sign_is_refused_by_its_fields_name(
    transport: HttpTransport, provider: ProviderServer, name: str
) -> None:
    wire = WireRequest(f"{provider.url}/v2/tts", "GET", auth=AUTH)
    without = Credential({key: value for key, value in keyed().credential.fields.items() if key != name})

    with pytest.raises(CredentialMissing, match=f"no field '{name}'"):
        transport.send(wire, replace(target(), credential=without), soon())
    with pytest.raises(CredentialRejected, match=f"stored '{name}'"):
        transport.send(wire, keyed(**{name: "ü"}), soon())
    assert provider.requests == []

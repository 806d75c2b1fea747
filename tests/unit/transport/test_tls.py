"""The certificate is judged by the name in the URL, though it is an address that is dialled."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenant_llm.domain import errors
from tenant_llm.domain.wire import WireRequest
from tenant_llm.transport import client
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import ProviderServer
from tests.support.transport import soon, target


@pytest.fixture
def certified(provider: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProviderServer]:
    """The provider behind TLS, as ``localhost``, with a root that ``SSL_CERT_FILE`` names."""
    chain = tmp_path / "chain.pem"
    chain.write_bytes(_certificate("localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    provider.encrypt(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    client.ssl_context.cache_clear()
    yield provider
    client.ssl_context.cache_clear()


def _certificate(name: str) -> bytes:
    """A key and its self-signed certificate for a host, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem)


def _wire(provider: ProviderServer, host: str) -> WireRequest:
    return WireRequest(provider.url.replace("http://127.0.0.1", f"https://{host}"), json={})


def test_a_certificate_for_the_name_is_taken(transport: HttpTransport, certified: ProviderServer) -> None:
    certified.reply({"ok": 1})

    assert transport.send(_wire(certified, "localhost"), target(), soon()).json() == {"ok": 1}


def test_a_certificate_for_another_name_is_not_and_asking_again_would_not_help(
    transport: HttpTransport, certified: ProviderServer, waits: list[float]
) -> None:
    with pytest.raises(errors.ProviderUnavailable, match="certificate") as caught:
        transport.send(_wire(certified, "127.0.0.1"), target(), soon())

    assert (certified.requests, waits, caught.value.retryable) == ([], [], False)


def test_a_root_that_nobody_named_is_not_trusted(
    transport: HttpTransport, certified: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)

    with pytest.raises(errors.ProviderUnavailable, match="certificate"):
        transport.send(_wire(certified, "localhost"), target(), soon())

    assert certified.requests == []

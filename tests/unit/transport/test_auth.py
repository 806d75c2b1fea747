import logging
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import httpx
import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.target import Credential
from tenant_llm.domain.wire import Auth, Bearer, HeaderKey, NoAuth, QueryKey, SignedQuery, WireRequest
from tenant_llm.transport import auth
from tenant_llm.transport.client import SIGN, build_client
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import Cut, ProviderServer
from tests.support.transport import KEY, OPEN, chain, post, soon, target


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (Bearer(), {"authorization": f"Bearer {KEY}"}, {}),
        (Bearer(scheme="Token"), {"authorization": f"Token {KEY}"}, {}),
        (HeaderKey("x-api-key"), {"x-api-key": KEY}, {}),
        (QueryKey("key"), {}, {"key": KEY}),
        (NoAuth(), {}, {}),
    ],
)
def test_the_key_travels_as_the_wire_says(
    transport: HttpTransport, provider: ProviderServer, auth: Auth, headers: dict[str, str], query: dict[str, str]
) -> None:
    provider.reply({})

    transport.send(post(provider, auth), target(), soon())

    (request,) = provider.requests
    carried = {name: value for name, value in request.headers.items() if KEY in value}
    assert (carried, request.query) == (headers, query)


@pytest.mark.parametrize("query", ["a=%2Fb%20c+d&b=&b=2&X-Sig=%E4~*", "token", "se=2026-11-23T12:00:00Z&sig=a/b=="])
def test_a_signed_query_is_sent_letter_for_letter(
    transport: HttpTransport, provider: ProviderServer, query: str
) -> None:
    provider.reply({})
    signed = replace(target(), credential=Credential({"query": query}))

    transport.send(WireRequest(f"{provider.url}/a%20b", "PUT", content=b"x", auth=SignedQuery()), signed, soon())

    (request,) = provider.requests
    assert (request.method, request.path, request.raw_query) == ("PUT", "/a%20b", query)
    assert "authorization" not in request.headers


def test_every_scheme_of_the_domain_is_carried_out() -> None:
    assert set(get_args(Auth.__value__)) == auth.schemes()


@pytest.mark.parametrize("scheme", [Bearer(), HeaderKey("x-api-key"), QueryKey("key")])
def test_a_keyless_target_sends_no_key(transport: HttpTransport, provider: ProviderServer, scheme: Auth) -> None:
    provider.reply({})

    transport.send(post(provider, scheme), target(None, needs_key=False), soon())

    (request,) = provider.requests
    assert ("authorization" in request.headers, "x-api-key" in request.headers, request.query) == (False, False, {})


def test_a_key_stored_for_a_keyless_target_is_sent(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(post(provider), target(KEY, needs_key=False), soon())

    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", [KEY, None])
def test_a_credential_without_the_field_is_told_before_anything_is_sent(
    transport: HttpTransport, provider: ProviderServer, key: str | None
) -> None:
    with pytest.raises(errors.CredentialMissing, match="'other_key'"):
        transport.send(post(provider, Bearer("other_key")), target(key), soon())

    assert provider.connections == 0


def test_blanks_around_a_stored_key_are_not_sent(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({})

    transport.send(post(provider), target(f" {KEY}\n"), soon())

    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["sk-se\ncret-012345", "sk-sécret-0123456", "sk-\x00cret-0123456", "  "])
@pytest.mark.parametrize("scheme", [Bearer(), HeaderKey("x-api-key"), QueryKey("key")])
def test_a_stored_key_that_no_header_carries_is_refused_unseen(
    transport: HttpTransport, provider: ProviderServer, scheme: Auth, key: str
) -> None:
    with pytest.raises(errors.CredentialRejected) as caught:
        transport.send(post(provider, scheme), target(key), soon())

    assert caught.value.param == "api_key"
    assert not any(
        part in f"{item} {item!r}" for item in chain(caught.value) for part in (key.strip(), "0123456") if part
    )
    assert provider.connections == 0


@pytest.mark.parametrize("value", ["bad\nheader", "bäd header"])
def test_a_header_that_cannot_be_sent_is_not_quoted(
    transport: HttpTransport, provider: ProviderServer, value: str
) -> None:
    wire = WireRequest(f"{provider.url}/x", headers={"x-a": value}, json={})

    with pytest.raises(errors.InvalidRequest) as caught:
        transport.send(wire, target(), soon())

    assert not any("header'" in repr(item) for item in chain(caught.value))


def test_a_header_that_a_scheme_makes_is_judged_too(provider: ProviderServer) -> None:
    def sign(request: httpx.Request) -> None:
        request.headers["x-key"] = "secret\nsecret"

    with build_client(OPEN) as client, pytest.raises(errors.InvalidRequest, match="'x-key'") as caught:
        client.post(provider.url, extensions={SIGN: sign})

    assert not any("secret" in f"{item} {item!r}" for item in chain(caught.value))


@pytest.mark.parametrize(
    "play",
    [
        lambda provider: provider.hang(),
        lambda provider: provider.raw(),
        lambda provider: provider.stream(b"x", Cut()),
        lambda provider: provider.reply({"error": {"message": f"bad key {KEY}"}}, status=401),
        lambda provider: provider.reply({"error": {"message": f"who is {KEY}?"}}, status=400),
        lambda provider: provider.reply(content=b"not gzip", headers={"Content-Encoding": "gzip"}),
        lambda provider: provider.reply({}, status=302, headers={"Location": f"http://{KEY}@h/?key={KEY}"}),
    ],
    ids=["hangs", "closes", "breaks off", "echoes a wrong key", "echoes the key", "nonsense", "redirects"],
)
@pytest.mark.parametrize("scheme", [QueryKey("key"), HeaderKey("x-api-key"), Bearer()])
def test_no_error_shows_the_key(
    transport: HttpTransport, provider: ProviderServer, play: Callable[[ProviderServer], None], scheme: Auth
) -> None:
    play(provider)

    with pytest.raises(errors.TenantLLMError) as caught:
        transport.send(post(provider, scheme), target(), Deadline.after(0.5))

    shown = [f"{item} {item!r} {getattr(item, 'message', '')} {vars(item)}" for item in chain(caught.value)]
    assert KEY not in "".join(shown)


def test_a_key_of_no_known_form_is_taken_out_of_what_the_provider_says(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.reply({"error": {"message": "the value correct-horse-battery is odd"}}, status=400)

    with pytest.raises(errors.ProviderRejected, match=r"the value \[key\] is odd"):
        transport.send(post(provider), target("correct-horse-battery"), soon())


@pytest.mark.parametrize("scheme", [QueryKey("key"), HeaderKey("x-api-key"), Bearer()])
def test_no_log_shows_the_key(
    transport: HttpTransport, provider: ProviderServer, caplog: pytest.LogCaptureFixture, scheme: Auth
) -> None:
    provider.reply({})

    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="httpx"):
        transport.send(post(provider, scheme), target(), soon())

    assert "/v1/x" in caplog.text
    assert KEY not in caplog.text

"""Tokens for access keys of Baidu, the question's signature held to the one that the documentation prints.

https://cloud.baidu.com/doc/Reference/s/njwvz1yfu
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    CredentialMissing,
    CredentialRejected,
    DeadlineExceeded,
    MalformedAnswer,
    ProviderUnavailable,
)
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.wire import BceToken, Json
from tenant_llm.transport.auth import bce
from tenant_llm.transport.http import HttpTransport
from tests.support.provider import ProviderServer
from tests.support.transport import chain, post, soon, target

AUTH = BceToken("yiyan_ak", "yiyan_sk")
PAIR = ("ALTAKexample00000000000", "0123456789abcdef0123456789abcdef")


def access_key(key_id: str = PAIR[0], secret: str = PAIR[1]) -> Target:
    return replace(target(), credential=Credential({"yiyan_ak": key_id, "yiyan_sk": secret}))


@pytest.fixture(autouse=True)
def endpoint(provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The token endpoint at the provider's, and no token known."""
    monkeypatch.setattr(bce, "ENDPOINT", f"{provider.url}/v1/BCE-BEARER/token")
    bce.tokens.cache_clear()
    yield
    bce.tokens.cache_clear()


def grant(provider: ProviderServer, token: str = "bce-v3/ALTAK-made/1", seconds: int = 3600) -> None:
    made = datetime(2026, 11, 24, 6, 9, 57, tzinfo=UTC)
    times = {"createTime": made, "expireTime": made + timedelta(seconds=seconds)}
    said = {name: f"{time:%Y-%m-%dT%H:%M:%S}.000Z" for name, time in times.items()}
    provider.reply({"userId": "u", "token": token, "status": "enable", **said})


def asked(provider: ProviderServer) -> list[str]:
    return [request.path for request in provider.requests]


def test_the_signature_is_the_documentations() -> None:
    signed = bce.signature(
        "PUT",
        "/v1/test/myfolder/readme.txt",
        "partNumber=9&uploadId=a44cc9bab11cbd156984767aad637851",
        {
            "host": "bj.bcebos.com",
            "content-length": "8",
            "content-md5": "NFzcPqhviddjRNnSOGo4rw==",
            "content-type": "text/plain",
            "x-bce-date": "2015-04-27T08:23:49Z",
        },
        pair=("a" * 32, "b" * 32),
        at=datetime(2015, 4, 27, 8, 23, 49, tzinfo=UTC),
        seconds=1800,
    )

    # There the names of these headers, which are the default, are left out between the slashes; they are not signed.
    assert signed == (
        f"bce-auth-v1/{'a' * 32}/2015-04-27T08:23:49Z/1800/content-length;content-md5;content-type;host;x-bce-date/"
        "d74a04362e6a848f5b39b15421cb449427f419c95a480fd6b8cf9fc783e2999e"
    )


def test_an_access_key_is_exchanged_for_a_token(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), access_key(), soon())

    question, call = provider.requests
    assert (question.method, question.path, question.query) == (
        "GET", "/v1/BCE-BEARER/token", {"expireInSeconds": "3600"},
    )  # fmt: skip
    assert call.headers["authorization"] == "Bearer bce-v3/ALTAK-made/1"


def test_the_question_is_signed_for_its_host_and_time(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), access_key(), soon())

    question = provider.requests[0]
    head = re.fullmatch(
        rf"bce-auth-v1/{PAIR[0]}/(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/1800/host/[0-9a-f]{{64}}",
        question.headers["authorization"],
    )
    assert head is not None
    at = datetime.fromisoformat(head[1])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert question.headers["authorization"] == bce.signature(
        "GET",
        "/v1/BCE-BEARER/token",
        "expireInSeconds=3600",
        {"host": question.headers["host"]},
        pair=PAIR,
        at=at,
        seconds=1800,
    )


def test_a_token_is_asked_for_once_an_access_key(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider, "one")
    provider.reply({})
    provider.reply({})
    grant(provider, "two")
    provider.reply({})

    for secret in ("s1", " s1\n", "s2"):
        transport.send(post(provider, AUTH), access_key(secret=secret), soon())

    assert [request.headers["authorization"] for request in provider.requests if request.path == "/v1/x"] == [
        "Bearer one", "Bearer one", "Bearer two",
    ]  # fmt: skip


@pytest.mark.parametrize(("seconds", "questions"), [(60, 2), (3600, 1), (86_400, 1)])
def test_a_token_about_to_end_is_not_used_again(
    transport: HttpTransport, provider: ProviderServer, seconds: int, questions: int
) -> None:
    for _ in range(2):
        grant(provider, seconds=seconds)
        provider.reply({})

    for _ in range(2):
        transport.send(post(provider, AUTH), access_key(), soon())

    assert asked(provider).count("/v1/BCE-BEARER/token") == questions


@pytest.mark.parametrize("times", [{}, {"createTime": 1, "expireTime": 2}, {"createTime": "x", "expireTime": "y"}])
def test_a_token_without_times_lasts_as_long_as_was_asked(
    transport: HttpTransport, provider: ProviderServer, times: dict[str, Json]
) -> None:
    provider.reply({"token": "one", **times})
    provider.reply({})

    for _ in range(2):
        transport.send(post(provider, AUTH), access_key(), soon())

    assert asked(provider) == ["/v1/BCE-BEARER/token", "/v1/x", "/v1/x"]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_pair_that_is_refused_is_the_credentials_fault(
    transport: HttpTransport, provider: ProviderServer, status: int
) -> None:
    message = f"The Access Key ID {PAIR[0]} you provided does not exist"
    provider.reply({"requestId": "1", "code": "InvalidAccessKeyId", "message": message}, status=status)

    with pytest.raises(CredentialRejected, match=r"does not exist.*'s pair opens the first API only") as caught:
        transport.send(post(provider, AUTH), access_key(), soon())

    assert caught.value.param == "yiyan_ak"
    assert not any(part in f"{item} {item!r}" for item in chain(caught.value) for part in PAIR)
    assert asked(provider) == ["/v1/BCE-BEARER/token"]


def test_an_endpoint_that_fails_is_asked_again(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"code": "InternalError", "message": "again"}, status=500)
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), access_key(), soon())

    assert asked(provider) == ["/v1/BCE-BEARER/token", "/v1/BCE-BEARER/token", "/v1/x"]


def test_an_endpoint_that_stays_away_is_unavailable(transport: HttpTransport, provider: ProviderServer) -> None:
    for _ in range(3):
        provider.reply({}, status=503)

    with pytest.raises(ProviderUnavailable):
        transport.send(post(provider, AUTH), access_key(), soon())


def test_an_endpoint_that_is_silent_ends_with_the_call(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.hang()

    with pytest.raises(DeadlineExceeded):
        transport.send(post(provider, AUTH), access_key(), Deadline.after(0.3))


@pytest.mark.parametrize("body", [{}, [], {"token": ""}, {"token": "a\nb"}, {"token": 1}])
def test_an_answer_without_a_token_is_malformed(transport: HttpTransport, provider: ProviderServer, body: Json) -> None:
    provider.reply(body)

    with pytest.raises(MalformedAnswer, match="has no token"):
        transport.send(post(provider, AUTH), access_key(), soon())


@pytest.mark.parametrize("field", ["yiyan_ak", "yiyan_sk"])
def test_half_a_pair_is_told_before_anything_is_sent(
    transport: HttpTransport, provider: ProviderServer, field: str
) -> None:
    whole = access_key()
    half = replace(whole, credential=Credential({n: v for n, v in whole.credential.fields.items() if n != field}))

    with pytest.raises(CredentialMissing) as caught:
        transport.send(post(provider, AUTH), half, soon())

    assert caught.value.param == field
    assert provider.connections == 0


def test_the_secret_is_never_sent(transport: HttpTransport, provider: ProviderServer) -> None:
    grant(provider)
    provider.reply({})

    transport.send(post(provider, AUTH), access_key(), soon())

    assert not any(
        PAIR[1] in f"{request.raw_query} {request.headers} {request.body!r}" for request in provider.requests
    )

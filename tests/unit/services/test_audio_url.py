"""Fetching and uploading over loopback, with the real transport."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import DeadlineExceeded, InvalidRequest, TenantLLMError
from tenant_llm.domain.link import Link
from tenant_llm.domain.wire import File
from tenant_llm.services.audio_url import AudioLinks
from tenant_llm.settings import Settings
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Retry
from tests.support.provider import ProviderServer, provider_server
from tests.support.transport import OPEN, STRICT, chain, soon

type Links = Callable[..., AudioLinks]

_UNNAMED = File("", b"", "")
_SIGNATURE = "X-Amz-Signature=s%2Fcret+cret"


@pytest.fixture
def host() -> Iterator[ProviderServer]:
    """Where the caller's audio is: no provider."""
    with provider_server() as server:
        yield server


@pytest.fixture
def links() -> Iterator[Links]:
    """Makes links over a transport of its own; by default private addresses are fine."""
    with ExitStack() as stack:

        def build(settings: Settings = OPEN) -> AudioLinks:
            transport = HttpTransport(settings, Retry(2, sleep=lambda _: None))
            return AudioLinks(stack.enter_context(closing(transport)), settings)

        yield build


def _link(host: ProviderServer, path: str = "/in/a.mp3", param: str = "audio_url") -> Link:
    return Link.parse(f"{host.url}{path}?{_SIGNATURE}", param)


def _fetch(links: AudioLinks, link: Link, wanted: File = _UNNAMED) -> File:
    return links.fetch(link, soon(), wanted)


def _upload(links: AudioLinks, link: Link) -> None:
    links.upload(link, b"ID3", "audio/mpeg", soon(), "; made")


def test_audio_is_fetched_with_the_signature_as_it_is_and_nothing_else_of_ours(
    host: ProviderServer, links: Links
) -> None:
    host.reply(content=bytes(range(256)), headers={"content-type": "audio/mpeg; x=1"})

    file = _fetch(links(), _link(host, "/in/a%20b.mp3"))

    assert file == File("a b.mp3", bytes(range(256)), "audio/mpeg")
    (request,) = host.requests
    assert (request.method, request.path, request.raw_query) == ("GET", "/in/a%20b.mp3", _SIGNATURE)
    assert request.headers.keys() <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


@pytest.mark.parametrize(
    ("path", "told", "name", "kind"),
    [
        ("/a.flac", None, "a.flac", "audio/flac"),
        ("/a.OPUS", "binary/octet-stream", "a.OPUS", "audio/ogg"),
        ("/a.wav", "application/octet-stream", "a.wav", "audio/wav"),
        ("/a.wav", "audio/x-wav", "a.wav", "audio/x-wav"),
        ("/4711", "audio/x-wav", "4711.wav", "audio/x-wav"),
        ("/in/v1.2", "audio/mp4", "v1.2.m4a", "audio/mp4"),
        ("/", "audio/mpeg", "audio.mp3", "audio/mpeg"),
        ("/", None, "audio", "application/octet-stream"),
        ("/a.xyz", "text/plain", "a.xyz", "text/plain"),
    ],
)
def test_name_and_type_come_from_the_path_and_the_host(
    host: ProviderServer, path: str, told: str | None, name: str, kind: str, links: Links
) -> None:
    host.reply(content=b"x", headers={} if told is None else {"content-type": told})

    file = _fetch(links(), _link(host, path))

    assert (file.name, file.content_type) == (name, kind)


def test_the_callers_own_name_and_type_win(host: ProviderServer, links: Links) -> None:
    host.reply(content=b"x", headers={"content-type": "audio/mpeg"})

    assert _fetch(links(), _link(host), wanted=File("mine", b"", "audio/wav")) == File("mine", b"x", "audio/wav")


def test_audio_is_uploaded_with_its_type(host: ProviderServer, links: Links) -> None:
    host.reply(content=b"")

    _upload(links(), _link(host, "/out/a.mp3"))

    (request,) = host.requests
    assert (request.method, request.path, request.raw_query) == ("PUT", "/out/a.mp3", _SIGNATURE)
    assert (request.body, request.headers["content-type"], request.headers["content-length"]) == (
        b"ID3",
        "audio/mpeg",
        "3",
    )
    assert "authorization" not in request.headers


_ECHO = b"<Error><Code>SignatureDoesNotMatch</Code><SignatureProvided>s%2Fcret+cret</SignatureProvided></Error>"


@pytest.mark.parametrize(
    ("status", "attempts", "uploading"), [(400, 1, 400), (401, 1, 400), (403, 1, 400), (404, 1, 400), (402, 1, 400),
                                          (429, 2, 502), (500, 2, 502), (501, 1, 502), (503, 2, 502)]
)  # fmt: skip
def test_a_hosts_refusal_is_told_by_host_and_status_alone(
    host: ProviderServer, status: int, attempts: int, uploading: int, links: Links
) -> None:
    host.reply(content=_ECHO, status=status)

    with pytest.raises(InvalidRequest) as fetched:
        _fetch(links(), _link(host))
    with pytest.raises(TenantLLMError) as uploaded:
        _upload(links(), _link(host, param="output_url"))

    assert fetched.value.message == f"audio_url: '127.0.0.1' answered with status {status}"
    assert uploaded.value.message == f"output_url: '127.0.0.1' answered with status {status}; made"
    assert (fetched.value.status, uploaded.value.status) == (400, uploading)
    assert (fetched.value.param, uploaded.value.param) == ("audio_url", "output_url")
    assert {fetched.value.code, uploaded.value.code} == {"audio_host_failed"}
    assert not uploaded.value.retryable
    assert len(host.requests) == 2 * attempts


def test_a_host_that_fails_once_is_asked_again(host: ProviderServer, links: Links) -> None:
    host.reply(content=b"", status=503)
    host.reply(content=b"")

    _upload(links(), _link(host))

    assert [request.body for request in host.requests] == [b"ID3", b"ID3"]


def test_a_redirect_is_not_followed(host: ProviderServer, links: Links) -> None:
    host.reply(content=b"", status=307, headers={"location": f"{host.url}/elsewhere"})

    with pytest.raises(InvalidRequest, match=r"^audio_url: '127\.0\.0\.1' redirects, which is not followed$"):
        _fetch(links(), _link(host))
    with pytest.raises(InvalidRequest, match="redirects, which is not followed; made"):
        _upload(links(), _link(host))

    assert {request.path for request in host.requests} == {"/in/a.mp3"}


def test_empty_audio_is_refused(host: ProviderServer, links: Links) -> None:
    host.reply(content=b"")

    with pytest.raises(InvalidRequest, match=r"what '127\.0\.0\.1' answered is empty"):
        _fetch(links(), _link(host))


def test_audio_over_the_limit_is_refused(host: ProviderServer, links: Links) -> None:
    host.reply(content=bytes(1001))
    small = links(replace(OPEN, max_answer_bytes=1000))

    with pytest.raises(InvalidRequest, match="answers with more than 1000 bytes") as caught:
        _fetch(small, _link(host))

    assert (caught.value.param, caught.value.status) == ("audio_url", 400)


def test_a_host_that_hangs_ends_with_the_deadline(host: ProviderServer, links: Links) -> None:
    host.hang()

    with pytest.raises(DeadlineExceeded, match="did not answer in time") as caught:
        links().fetch(_link(host), Deadline.after(0.3), _UNNAMED)

    assert (caught.value.param, len(host.requests)) == ("audio_url", 1)


def test_a_host_that_is_not_there_is_no_provider(links: Links) -> None:
    with provider_server() as gone:
        link = _link(gone, param="output_url")

    with pytest.raises(TenantLLMError, match=r"^output_url: '127\.0\.0\.1' cannot be reached.*; made$") as caught:
        _upload(links(), link)

    assert (caught.value.status, caught.value.type) == (502, "api_error")


@pytest.mark.parametrize("refuse", [_fetch, AudioLinks.check, _upload])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nothing_private_and_nothing_unencrypted_is_dialled(
    host: ProviderServer, refuse: Callable[[AudioLinks, Link], object], scheme: str, links: Links
) -> None:
    link = Link.parse(f"{host.url.replace('http', scheme)}/a.mp3?{_SIGNATURE}", "audio_url")

    with pytest.raises(InvalidRequest, match=r"^audio_url: ") as caught:
        refuse(links(STRICT), link)

    assert (caught.value.code, caught.value.param) == ("url_refused", "audio_url")
    assert "cret" not in caught.value.message
    assert "api_base" not in caught.value.message
    assert host.connections == 0


def test_the_operators_own_endpoint_is_not_a_callers(host: ProviderServer, links: Links) -> None:
    settings = replace(STRICT, builtin_base_url=f"{host.url}/v1")

    with pytest.raises(InvalidRequest, match="not a tenant's to call"):
        _fetch(links(settings), _link(host))

    assert host.connections == 0


@pytest.mark.parametrize("path", ["/in/a.mp3", "/in/"])
def test_a_url_without_a_query_is_fetched_too(host: ProviderServer, path: str, links: Links) -> None:
    host.reply(content=b"x")

    _fetch(links(), Link.parse(f"{host.url}{path}", "audio_url"))

    assert (host.requests[0].path, host.requests[0].raw_query) == (path, "")


def test_the_signature_is_in_no_record_and_no_exception(
    host: ProviderServer, caplog: pytest.LogCaptureFixture, links: Links
) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", logger="httpx")
    host.reply(content=_ECHO, status=403)

    with pytest.raises(InvalidRequest) as caught:
        _fetch(links(), _link(host))

    shown = " ".join(f"{error!r} {vars(error)!r}" for error in chain(caught.value))
    assert any(record.name.startswith("httpx") for record in caplog.records)
    assert "cret" not in shown + " ".join(str(vars(record)) for record in caplog.records)

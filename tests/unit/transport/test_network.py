from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from socket import create_server
from ssl import SSLContext
from threading import Event
from typing import override

import httpcore
import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.wire import WireRequest
from tenant_llm.settings import Settings
from tenant_llm.transport.client import ssl_context
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.network import Budget, BudgetedStream, GuardedBackend
from tenant_llm.transport.retry import Retry
from tests.support.provider import ProviderServer
from tests.support.transport import STRICT, soon, target

_PUBLIC = "93.184.215.14"
_NOBODY: frozenset[tuple[str, int]] = frozenset()


class Detour(httpcore.SyncBackend):
    """Dials the loopback address for every other one, and notes the one it was told."""

    def __init__(self, port: int, unreachable: Iterable[str] = ()) -> None:
        self.dialled: list[str] = []
        self.patience: list[float] = []
        self._port = port
        self._unreachable = set(unreachable)

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.dialled.append(host)
        self.patience.append(timeout or 0.0)
        if host in self._unreachable:
            raise httpcore.ConnectTimeout("timed out")
        return super().connect_tcp("127.0.0.1", self._port, timeout, local_address, socket_options)


def backend(detour: Detour, *answers: list[str]) -> GuardedBackend:
    """A guard whose resolver gives these answers in turn."""
    turns = iter(answers)
    return GuardedBackend(_NOBODY, lambda _host, _port: next(turns), detour)


def port(provider: ProviderServer) -> int:
    return int(provider.url.rpartition(":")[2])


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_public_address_is_dialled_as_it_was_judged(provider: ProviderServer) -> None:
    detour = Detour(port(provider))

    stream = backend(detour, [_PUBLIC]).connect_tcp("api.example", 443, 5.0)

    stream.close()
    assert detour.dialled == [_PUBLIC]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["fd00:ec2::254"], ["::ffff:10.0.0.1"], [_PUBLIC, "10.0.0.1"]],
)
def test_a_name_with_any_private_address_is_not_dialled(provider: ProviderServer, addresses: list[str]) -> None:
    detour = Detour(port(provider))

    with pytest.raises(errors.InvalidRequest) as caught:
        backend(detour, addresses).connect_tcp("api.example", 443, 5.0)

    assert (caught.value.code, caught.value.param) == ("provider_url_refused", "api_base")
    assert not any(address in caught.value.message for address in addresses)
    assert detour.dialled == []


def test_a_name_that_is_pointed_elsewhere_later_is_judged_again(provider: ProviderServer) -> None:
    detour = Detour(port(provider))
    guard = backend(detour, [_PUBLIC], ["127.0.0.1"])
    guard.connect_tcp("api.example", 443, 5.0).close()

    with pytest.raises(errors.InvalidRequest):
        guard.connect_tcp("api.example", 443, 5.0)

    assert detour.dialled == [_PUBLIC]


def test_the_next_address_is_tried_when_one_does_not_answer(provider: ProviderServer) -> None:
    detour = Detour(port(provider), unreachable=["2606:4700::1111"])

    stream = backend(detour, ["2606:4700::1111", _PUBLIC]).connect_tcp("api.example", 443, 5.0)

    stream.close()
    assert detour.dialled == ["2606:4700::1111", _PUBLIC]


def test_addresses_share_the_time_to_connect() -> None:
    detour = Detour(0, unreachable=["1.1.1.1", _PUBLIC])

    with pytest.raises(httpcore.ConnectTimeout):
        backend(detour, ["1.1.1.1", _PUBLIC]).connect_tcp("api.example", 443, 600.0)

    first, second = detour.patience
    assert first <= 300.0 < second


def test_connecting_takes_no_longer_than_the_deadline_leaves(provider: ProviderServer) -> None:
    detour = Detour(port(provider))
    budget = Budget(600.0, Deadline(100.0, lambda: 90.0))

    backend(detour, [_PUBLIC]).connect_tcp("api.example", 443, budget).close()

    assert 0 < detour.patience[0] <= 10.0


class NotedStream(httpcore.NetworkStream):
    """A connection that notes how long a handshake may take."""

    def __init__(self) -> None:
        self.patience: float | None = None

    @override
    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self.patience = timeout
        return self


def test_a_handshake_takes_no_longer_than_the_deadline_leaves() -> None:
    noted = NotedStream()

    BudgetedStream(noted).start_tls(ssl_context(), "api.example", Budget(600.0, Deadline(100.0, lambda: 90.0)))

    assert noted.patience == 10.0


def test_a_name_none_of_whose_addresses_answers_ends_as_the_last_did() -> None:
    detour = Detour(0, unreachable=["1.1.1.1", _PUBLIC])

    with pytest.raises(httpcore.ConnectTimeout):
        backend(detour, ["1.1.1.1", _PUBLIC]).connect_tcp("api.example", 443, 5.0)

    assert detour.dialled == ["1.1.1.1", _PUBLIC]


def test_a_refusal_passes_through_the_client_and_is_not_tried_again(provider: ProviderServer) -> None:
    waits: list[float] = []
    guarded = backend(Detour(port(provider)), ["10.0.0.1"])

    with (
        closing(HttpTransport(STRICT, Retry(3, waits.append), backend=guarded)) as transport,
        pytest.raises(errors.InvalidRequest, match=r"'api\.example' is not at a public address") as caught,
    ):
        transport.send(WireRequest("https://api.example/v1", json={}), target(), soon())

    assert (caught.value.code, waits, provider.connections) == ("provider_url_refused", [], 0)


def test_a_name_that_does_not_resolve_now_may_do_so_later() -> None:
    waits: list[float] = []

    def fail(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    with (
        closing(HttpTransport(STRICT, Retry(3, waits.append), backend=GuardedBackend(_NOBODY, fail))) as transport,
        pytest.raises(errors.ProviderUnavailable, match=r"'api\.example' cannot be resolved"),
    ):
        transport.send(WireRequest("https://api.example/v1", json={}), target(), soon())

    assert len(waits) == 2


def test_a_resolver_that_hangs_ends_with_the_deadline() -> None:
    released = Event()

    def hang(host: str, port: int) -> list[str]:
        released.wait(20)
        return []

    with (
        closing(HttpTransport(STRICT, backend=GuardedBackend(_NOBODY, hang))) as transport,
        pytest.raises(errors.DeadlineExceeded),
    ):
        transport.send(WireRequest("https://api.example/v1", json={}), target(), Deadline.after(0.2))
    released.set()


def test_a_handshake_that_hangs_ends_with_the_deadline() -> None:
    with (
        silent_server() as silent,
        closing(HttpTransport(STRICT, backend=backend(Detour(silent), [_PUBLIC]))) as transport,
        pytest.raises(errors.DeadlineExceeded),
    ):
        transport.send(WireRequest("https://api.example/v1", json={}), target(), Deadline.after(0.3))


def test_a_provider_that_takes_nothing_in_ends_with_the_deadline(transport: HttpTransport) -> None:
    with silent_server() as silent, pytest.raises(errors.DeadlineExceeded):
        transport.send(
            WireRequest(f"http://127.0.0.1:{silent}/", content=bytes(64 * 1024 * 1024)), target(), Deadline.after(0.5)
        )


def test_https_is_demanded_unless_the_operator_allows_otherwise(provider: ProviderServer) -> None:
    with closing(HttpTransport(STRICT)) as strict, pytest.raises(errors.InvalidRequest, match="not an https URL"):
        strict.send(WireRequest(f"{provider.url}/v1", json={}), target(), soon())

    assert provider.connections == 0


def test_private_addresses_are_not_dialled_by_default(provider: ProviderServer) -> None:
    wire = WireRequest(f"https://localhost:{port(provider)}/v1", json={})

    with (
        closing(HttpTransport(STRICT)) as strict,
        pytest.raises(errors.InvalidRequest, match="not at a public address"),
    ):
        strict.send(wire, target(), soon())

    assert provider.connections == 0


def builtin(provider: ProviderServer) -> Settings:
    return replace(STRICT, builtin_base_url=f"{provider.url}/v1")


def test_the_operators_own_endpoint_may_be_private_and_plain(provider: ProviderServer) -> None:
    provider.reply({"ok": 1})

    with closing(HttpTransport(builtin(provider))) as transport:
        answer = transport.send(
            WireRequest(f"{provider.url}/v1/embeddings", json={}),
            target(None, needs_key=False, own_url=False),
            soon(),
        )

    assert answer.json() == {"ok": 1}


def test_the_operators_own_endpoint_is_not_a_tenants_to_call(provider: ProviderServer) -> None:
    with (
        closing(HttpTransport(builtin(provider))) as transport,
        pytest.raises(errors.InvalidRequest, match="not a tenant's to call"),
    ):
        transport.send(WireRequest(f"{provider.url}/metrics", json={}), target(own_url=True), soon())

    assert provider.connections == 0


def test_a_budget_is_what_the_deadline_leaves_and_never_more_than_the_longest_silence() -> None:
    now = [0.0]
    budget = Budget(5.0, Deadline(10.0, lambda: now[0]))

    left = []
    for now[0] in (0.0, 6.0, 12.0):
        left.append(budget.left())

    assert left == [5.0, 4.0, 0.0]


def test_a_spent_budget_ends_reading_and_writing_though_the_wire_is_ready() -> None:
    with silent_server() as silent:
        stream = BudgetedStream(httpcore.SyncBackend().connect_tcp("127.0.0.1", silent))
        spent = Budget(5.0, Deadline(0.0, lambda: 1.0))

        with closing(stream):
            with pytest.raises(httpcore.ReadTimeout):
                stream.read(1, spent)
            with pytest.raises(httpcore.WriteTimeout):
                stream.write(b"x", spent)


def test_no_proxy_of_the_environment_is_asked(
    transport: HttpTransport, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    provider.reply({"ok": 1})

    assert transport.send(WireRequest(f"{provider.url}/v1", json={}), target(), soon()).json() == {"ok": 1}


class _Silent(httpcore.MockStream):
    """A provider that says nothing: every read lasts as long as it may."""

    def __init__(self, heard: Callable[[float], None]) -> None:
        super().__init__([])
        self._heard = heard

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._heard(timeout or 0.0)
        raise httpcore.ReadTimeout


def test_a_read_ends_soon_after_the_caller_has_hung_up() -> None:
    deadline = Deadline.after(600)
    waits: list[float] = []

    def heard(seconds: float) -> None:
        waits.append(seconds)
        deadline.line.hung_up = len(waits) == 3

    with pytest.raises(httpcore.ReadTimeout):
        BudgetedStream(_Silent(heard)).read(10, Budget(600.0, deadline))

    assert waits == [0.25, 0.25, 0.25]


def test_a_read_of_a_silent_provider_lasts_no_longer_than_the_silence_that_is_allowed() -> None:
    waits: list[float] = []

    with pytest.raises(httpcore.ReadTimeout):
        BudgetedStream(_Silent(waits.append)).read(10, Budget(0.1, Deadline.after(600)))

    assert len(waits) == 1
    assert waits[0] <= 0.1

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.deadline import Deadline
from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Manner, Retry
from tests.support.provider import ProviderServer
from tests.support.transport import post, soon, target


@pytest.mark.parametrize("status", [408, 409, 424, 429, 498, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again_with_growing_waits(
    transport: HttpTransport, provider: ProviderServer, waits: list[float], status: int
) -> None:
    provider.reply({"error": {"message": "later"}}, status=status)
    provider.reply({"error": {"message": "later"}}, status=status)
    provider.reply({"ok": 1})

    response = transport.send(post(provider), target(), soon())

    assert response.json() == {"ok": 1}
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 415, 422, 501])
def test_what_will_not_pass_is_not_tried_again(
    transport: HttpTransport, provider: ProviderServer, waits: list[float], status: int
) -> None:
    provider.reply({"error": {"message": "no"}}, status=status)

    with pytest.raises(errors.ProviderError, match="no"):
        transport.send(post(provider), target(), soon())

    assert (len(provider.requests), waits) == (1, [])


def test_an_empty_balance_is_not_tried_again_whatever_its_status(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.reply({"error": {"message": "pay first", "code": "insufficient_quota"}}, status=429)

    with pytest.raises(errors.QuotaExhausted):
        transport.send(post(provider), target(), soon())

    assert len(provider.requests) == 1


def test_a_connection_that_closes_without_an_answer_is_tried_again(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.raw()
    provider.reply({"ok": 1})

    assert transport.send(post(provider), target(), soon()).json() == {"ok": 1}
    assert len(provider.requests) == 2


def test_a_kept_connection_that_the_provider_has_closed_is_replaced(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.reply({})
    provider.raw()
    provider.reply({"ok": 1})
    transport.send(post(provider), target(), soon())

    response = transport.send(post(provider), target(), soon())

    assert (response.json(), provider.connections) == ({"ok": 1}, 2)


_DELAY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Retry-After": "3"}, {}),
        ({"retry-after-ms": "3000", "Retry-After": "9"}, {}),
        ({}, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [_DELAY]}}),
    ],
    ids=["seconds", "milliseconds", "in the body"],
)
def test_the_providers_own_wait_is_honoured(
    transport: HttpTransport,
    provider: ProviderServer,
    waits: list[float],
    headers: dict[str, str],
    body: dict[str, object],
) -> None:
    provider.reply(body, status=429, headers=headers)
    provider.reply({"ok": 1})

    transport.send(post(provider), target(), soon())

    assert waits == [3.0]


def test_a_wait_until_a_date_counts_from_now(
    transport: HttpTransport, provider: ProviderServer, waits: list[float]
) -> None:
    later = datetime.now(UTC) + timedelta(seconds=30)
    date = format_datetime(later, usegmt=True).encode()
    provider.raw(b"HTTP/1.1 503 Busy\r\nretry-after: " + date + b"\r\ncontent-length: 0\r\n\r\n")
    provider.reply({"ok": 1})

    transport.send(post(provider), target(), Deadline.after(600))

    assert 10 < waits[0] <= 31


@pytest.mark.parametrize(
    ("seconds", "deadline"), [("60", 10.0), ("61", 900.0)], ids=["beyond the deadline", "beyond a minute"]
)
def test_a_wait_that_is_too_long_is_the_callers_to_wait(
    transport: HttpTransport, provider: ProviderServer, waits: list[float], seconds: str, deadline: float
) -> None:
    provider.reply({}, status=429, headers={"Retry-After": seconds})

    with pytest.raises(errors.RateLimited) as caught:
        transport.send(post(provider), target(), Deadline.after(deadline))

    assert (caught.value.retry_after, len(provider.requests), waits) == (float(seconds), 1, [])


def test_a_provider_that_says_not_to_try_again_is_not_asked(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({}, status=503, headers={"x-should-retry": "false"})

    with pytest.raises(errors.ProviderUnavailable) as caught:
        transport.send(post(provider), target(), soon())

    assert (len(provider.requests), caught.value.retryable) == (1, False)


def test_attempts_are_bounded_and_the_last_error_is_told(transport: HttpTransport, provider: ProviderServer) -> None:
    provider.reply({"error": {"message": "overloaded"}}, status=503)
    provider.reply({"error": {"message": "still overloaded"}}, status=503)
    provider.reply({"error": {"message": "overloaded for good"}}, status=503)

    with pytest.raises(errors.ProviderUnavailable, match="for good"):
        transport.send(post(provider), target(), soon())

    assert len(provider.requests) == 3


def test_waits_without_advice_are_drawn_below_a_bound_that_doubles_up_to_eight_seconds() -> None:
    waits: list[float] = []
    draws = iter([1.0, 0.5, 0.25, 1.0, 1.0, 1.0, 0.0])

    def fail() -> None:
        raise errors.ProviderUnavailable("down")

    with pytest.raises(errors.ProviderUnavailable):
        Retry(8, sleep=waits.append, jitter=lambda: next(draws)).run(fail, Deadline.after(1000))

    assert waits == [0.5, 0.5, 0.5, 4.0, 8.0, 8.0, 0.0]


@pytest.mark.parametrize("attempts", [0, 1])
def test_one_attempt_is_made_at_least(attempts: int) -> None:
    made: list[int] = []

    Retry(attempts).run(lambda: made.append(1), soon())

    assert made == [1]


def test_an_error_that_is_no_providers_is_not_tried_again() -> None:
    made: list[int] = []

    def fail() -> None:
        made.append(1)
        raise errors.CredentialMissing("no key", param="api_key")

    with pytest.raises(errors.CredentialMissing):
        Retry(3).run(fail, soon())

    assert made == [1]


@pytest.mark.parametrize(
    ("status", "outage"),
    [
        (500, False),
        (409, False),
        (502, True),
        (503, True),
        (504, True),
        (520, True),
        (526, True),
        (527, False),
        (529, True),
    ],
)
def test_what_only_a_gateway_or_a_full_server_says_is_an_outage(
    transport: HttpTransport, provider: ProviderServer, status: int, *, outage: bool
) -> None:
    provider.reply({"error": {"message": "later"}}, status=status, headers={"x-should-retry": "false"})

    with pytest.raises(errors.ProviderUnavailable) as raised:
        transport.send(post(provider), target(), soon())

    assert raised.value.outage is outage


def test_a_server_that_is_not_there_is_an_outage_and_one_that_breaks_off_is_none(
    transport: HttpTransport, provider: ProviderServer
) -> None:
    provider.raw()
    with pytest.raises(errors.ProviderUnavailable) as broken:
        transport.send(post(provider), target(), soon())
    provider.stop()
    with pytest.raises(errors.ProviderUnavailable) as gone:
        transport.send(post(provider), target(), soon())

    assert (broken.value.outage, gone.value.outage) == (False, True)


def test_another_manner_bounds_the_wait_and_hears_of_each_repeat(
    transport: HttpTransport, provider: ProviderServer, waits: list[float]
) -> None:
    repeats: list[None] = []
    manner = Manner(2.0, lambda: repeats.append(None))
    for seconds in ("1", "3"):
        provider.reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": seconds})

    with pytest.raises(errors.RateLimited):
        transport.send(post(provider), target(), soon(), manner=manner)

    assert (waits, len(repeats), len(provider.requests)) == ([1.0], 1, 2)

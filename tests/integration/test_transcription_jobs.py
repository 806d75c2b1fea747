"""A transcription that is a job, from the call to the provider's socket and the ledger: ordered, asked for, booked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenant_llm import bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import (
    CredentialMissing,
    CredentialRejected,
    DeadlineExceeded,
    ProviderRejected,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    TenantLLMError,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import DayUsage
from tenant_llm.domain.speech2text import TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.wire import File
from tenant_llm.services.invocation import Invocation
from tenant_llm.services.speech2text import Speech2TextService
from tests.support.aws import Aws, add_tenant, recorded
from tests.support.provider import ProviderServer

_ADDRESS = "16k_zh@Tencent Cloud"
_KEYS = {"tencent_cloud_sid": "AKIDz8krbsJ5yKBZQpn74", "tencent_cloud_sk": "Gu5t9xGARNpq86cd98joQ"}
_REQUEST = TranscriptionRequest(File("a.wav", b"RIFF", "audio/wav"))
_CREATED = {"Response": {"RequestId": "r", "Data": {"TaskId": 522931820}}}


def job(status: int, **fields: Any) -> dict[str, Any]:
    word = ("waiting", "doing", "success", "failed")[status]
    data = {"TaskId": 522931820, "Status": status, "StatusStr": word, "Result": "", "ErrorMsg": ""}
    return {"Response": {"RequestId": "r", "Data": data | fields}}


def error(code: str) -> dict[str, Any]:
    return {"Response": {"RequestId": "r", "Error": {"Code": code, "Message": "no"}}}


_DONE = job(2, Result="[0:0.020,0:2.380]  Hello there.\n", AudioDuration=2.4)


@dataclass(slots=True)
class Time:
    """A clock that only sleeping moves."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def transcribe(bundle: Aws, provider: ProviderServer, time: Time) -> Callable[..., TranscriptionResult]:
    add_tenant(bundle.settings, "acme", _ADDRESS, ModelType.SPEECH2TEXT, None, provider.url)
    bootstrap.secret_store().put("acme", "Tencent Cloud", _KEYS)
    invocation = Invocation(
        bootstrap.resolution(),
        bootstrap.secret_store(),
        bootstrap.transport(),
        bootstrap.usage_service(),
        bootstrap.budget_service(),
        bootstrap.circuits(),
        bootstrap.tracing(),
        sleep=time.sleep,
    )
    service = Speech2TextService(invocation, bootstrap.audio_links())

    def call(request_id: str = "one", seconds: float = 20) -> TranscriptionResult:
        deadline = Deadline.after(seconds, lambda: time.now)
        return service.invoke(Caller("acme", request_id, deadline), None, _REQUEST)

    return call


def asked(provider: ProviderServer) -> list[str]:
    return [request.headers["x-tc-action"] for request in provider.requests]


def days() -> list[DayUsage]:
    today = datetime.now(UTC).date()
    return bootstrap.usage_repository().days("acme", today - timedelta(days=1), today)


def test_a_job_is_ordered_and_asked_for_until_it_is_done_and_booked_once(
    transcribe: Callable[..., TranscriptionResult], provider: ProviderServer, time: Time
) -> None:
    for answer in (_CREATED, job(0), job(1), _DONE):
        provider.reply(answer)

    with recorded() as calls:
        result = transcribe()

    assert (result.text, result.duration, result.model) == ("Hello there.", 2.4, _ADDRESS)
    assert result.extra == {"segments": [{"start": 0.02, "end": 2.38, "text": "Hello there."}]}
    assert asked(provider) == ["CreateRecTask", *["DescribeTaskStatus"] * 3]
    assert [request.json for request in provider.requests[1:]] == [{"TaskId": 522931820}] * 3
    assert all(
        request.headers["authorization"].startswith("TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74/")
        for request in provider.requests
    )
    assert len(time.slept) == 3
    assert [operation for operation, _ in calls].count("TransactWriteItems") == 1
    (day,) = days()
    assert (day.calls, day.native, day.estimated_tokens) == (1, {"seconds": 2.4}, 3)


def test_a_call_that_is_repeated_is_counted_once(
    transcribe: Callable[..., TranscriptionResult], provider: ProviderServer
) -> None:
    for answer in (_CREATED, _DONE) * 2:
        provider.reply(answer)

    transcribe("same")
    transcribe("same")

    (day,) = days()
    assert (day.calls, day.native) == (1, {"seconds": 2.4})


@pytest.mark.parametrize(
    ("answers", "raised", "actions"),
    [
        ((error("AuthFailure.SignatureFailure"),), CredentialRejected, 1),
        ((error("FailedOperation.UserHasNoAmount"),), QuotaExhausted, 1),
        ((error("InvalidParameter"),), ProviderRejected, 1),
        ((_CREATED, job(3, ErrorMsg="cannot decode the audio")), ProviderRejected, 2),
        ((error("RequestLimitExceeded"),), RateLimited, 1),
        ((error("InternalError"),), ProviderUnavailable, 1),
        ((_CREATED, job(1), error("AuthFailure.SecretIdNotFound")), CredentialRejected, 3),
    ],
    ids=["key refused", "nothing paid", "wrong order", "failed", "too many", "fault", "key gone while polling"],
)
def test_what_goes_wrong_is_raised_as_what_it_is_and_not_booked(
    transcribe: Callable[..., TranscriptionResult],
    provider: ProviderServer,
    answers: tuple[dict[str, Any], ...],
    raised: type[TenantLLMError],
    actions: int,
) -> None:
    for answer in answers:
        provider.reply(answer)

    with pytest.raises(raised) as caught:
        transcribe()

    assert type(caught.value) is raised
    assert len(asked(provider)) == actions
    assert [(day.calls, day.errors, day.total_tokens) for day in days()] == [(0, 1, 0)]


def test_a_fault_that_may_pass_is_no_end_of_a_job_that_goes_on(
    transcribe: Callable[..., TranscriptionResult], provider: ProviderServer
) -> None:
    for answer in (_CREATED, error("RequestLimitExceeded"), error("InternalError"), _DONE):
        provider.reply(answer)

    assert transcribe().text == "Hello there."
    assert [request.json for request in provider.requests[1:]] == [{"TaskId": 522931820}] * 3
    assert [day.calls for day in days()] == [1]


def test_a_job_that_takes_too_long_ends_with_the_deadline_and_is_not_booked(
    transcribe: Callable[..., TranscriptionResult], provider: ProviderServer, time: Time
) -> None:
    provider.reply(_CREATED)
    provider.reply(job(1))

    with pytest.raises(DeadlineExceeded):
        transcribe(seconds=5)

    assert time.now < 5
    assert set(asked(provider)[1:]) == {"DescribeTaskStatus"}
    assert days() == []


def test_a_key_without_its_secret_is_named_before_anything_is_sent(
    transcribe: Callable[..., TranscriptionResult], provider: ProviderServer
) -> None:
    bootstrap.secret_store().put("acme", "Tencent Cloud", {"tencent_cloud_sid": "AKIDz8krbsJ5yKBZQpn74"})

    with pytest.raises(CredentialMissing) as caught:
        transcribe()

    assert caught.value.param == "tencent_cloud_sk"
    assert provider.requests == []

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.errors import RateLimited, ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.telemetry import logs

_CONFIG = ModelConfig("tenant123", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://api.openai.com/v1", "gpt-4")
_MODEL = {"tenant": "tenant123", "factory": "OpenAI", "llm_name": "gpt-4", "model_type": "chat"}


@pytest.fixture(autouse=True)
def _fresh_logger() -> Iterator[None]:
    logs._logger.cache_clear()
    yield
    logs._logger.cache_clear()


def test_a_call_is_logged_by_keys_and_numbers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    with logs.context(request_id="r"):
        logs.call_done(_CONFIG, Usage(3, 4, cached_tokens=1, native={"seconds": 1.5}), ms=12.6)

    fields = vars(caplog.records[0])
    expected = _MODEL | {"request_id": "r", "input_tokens": 3, "output_tokens": 4, "cached_tokens": 1, "ms": 13}
    assert fields.items() >= expected.items()
    assert (fields["status"], fields["native"], fields["estimated"]) == ("ok", {"seconds": 1.5}, False)


def test_the_context_ends_with_its_block(caplog: pytest.LogCaptureFixture) -> None:
    with logs.context(request_id="outer"):
        with logs.context(tenant="t"):
            logs.answered(RateLimited("x"), "a")
        logs.call_failed(_CONFIG, RateLimited("x"), 1)
    logs.call_failed(_CONFIG, RateLimited("x"), 1)

    inner, outer, none = (vars(record) for record in caplog.records)
    assert (inner["tenant"], inner["request_id"]) == ("t", "a")
    assert (outer["tenant"], outer["request_id"]) == ("tenant123", "outer")
    assert "request_id" not in none


def test_a_failure_is_logged_without_the_providers_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    error = RateLimited("the prompt was 'secret'")

    logs.call_failed(_CONFIG, error, ms=1)

    (failed,) = (vars(record) for record in caplog.records)
    assert (failed["code"], failed["status"], failed["error"]) == ("rate_limit_exceeded", 429, "RateLimited")
    assert "secret" not in str(failed)


def test_an_unsettled_call_is_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    usage = Usage(1, 2, native={"seconds": 1.5})

    counter = "budget#2026-11-23#tenant"
    held = Reservation((counter,), {counter: 7})

    settlement = Settlement("t", "r", "gpt-4", "OpenAI", ModelType.CHAT, usage, at, "gpt-4@OpenAI", "interrupted", held)
    logs.unsettled(settlement, ServiceUnavailable("x"))

    assert caplog.records[0].levelname == "ERROR"
    assert vars(caplog.records[0])["settlement"] == {
        "tenant_id": "t",
        "request_id": "r",
        "llm_name": "gpt-4",
        "llm_factory": "OpenAI",
        "model_type": "chat",
        "row": "gpt-4@OpenAI",
        "status": "interrupted",
        "at": "2026-11-23T00:00:00Z",
        "usage": {
            "input_tokens": 1,
            "output_tokens": 2,
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "native": {"seconds": 1.5},
            "estimated": False,
        },
        "reservation": {"counters": ["budget#2026-11-23#tenant"], "held": {"budget#2026-11-23#tenant": 7}},
    }


def test_what_caused_a_fault_is_told_by_class_and_by_awss_code(caplog: pytest.LogCaptureFixture) -> None:
    class ClientFailed(Exception):
        response = {"Error": {"Code": "AccessDenied", "Message": "secret"}}  # noqa: RUF012 (as botocore has it)

    with pytest.raises(ValueError, match="secret") as caught:
        raise ValueError("secret") from ClientFailed()
    logs.unexpected(caught.value, "r")

    fields = vars(caplog.records[0])
    assert [cause.rpartition(".")[2] for cause in fields["causes"]] == ["ValueError", "ClientFailed(AccessDenied)"]
    assert "secret" not in str(fields)


def test_inside_lambda_a_record_is_a_line_of_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")

    with logs.context(request_id="r"):
        logs.call_done(_CONFIG, Usage(3, 4), ms=5)

    record = json.loads(capsys.readouterr().out)
    assert record.items() >= (_MODEL | {"level": "INFO", "message": "call", "request_id": "r", "ms": 5}).items()
    assert "location" not in record

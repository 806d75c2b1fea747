"""What is only in logs comes into the accounts, once, in whatever form the log is handed over."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from gzip import compress
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools import Logger

from local.aws import client_of
from tenant_llm import bootstrap
from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.usage import Usage
from tenant_llm.telemetry import logs
from tests.support.aws import Aws, add_tenant
from tools import replay_unsettled
from tools.stack import stack

_NOW = datetime.now(UTC).replace(microsecond=0)
_CALL = Settlement("acme", "r1", "gpt-4", "OpenAI", ModelType.CHAT, Usage(3, 4), _NOW, row="gpt-4@OpenAI")
_TIME = "2026-11-23T10:15:30.000Z"
_OTHER = '{"level": "INFO", "message": "call", "input_tokens": 3}'
_METRIC = '{"_aws": {}, "service": "tenant-llm", "Unsettled": [1.0]}'


def _record(settlement: Settlement, monkeypatch: pytest.MonkeyPatch) -> str:
    """The line that a function in Lambda writes."""
    written = StringIO()
    with monkeypatch.context() as patch:
        patch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        patch.setattr(logs, "_logger", lambda: Logger(service=uuid4().hex, location=None, stream=written))
        logs.unsettled(settlement, ServiceUnavailable("x"))
    return written.getvalue().strip()


def _stack(env: Any, ledger_days: str = "400") -> dict[str, Any]:
    names = {
        "TenantLLMTableName": env["TENANT_LLM_TABLE"],
        "TenantTableName": env["TENANT_TABLE"],
        "UsageTableName": env["USAGE_TABLE"],
        "ApiTokenTableName": env["API_TOKEN_TABLE"],
        "SecretPrefix": env["SECRET_PREFIX"],
    }
    return {
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in names.items()],
        "Parameters": [{"ParameterKey": "LedgerDays", "ParameterValue": ledger_days}],
    }


class CloudFormation:
    """What is asked of CloudFormation, which no emulator here runs."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.described = described

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        assert StackName == "tenant-llm-dev"
        return {"Stacks": [self.described]}


@pytest.fixture
def lines(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two records of calls of ``acme``; commands find the stage ``dev`` in the embedded AWS."""
    add_tenant(aws.settings)
    clients = {"logs": client_of(aws.env, "logs"), "cloudformation": CloudFormation(_stack(aws.env))}
    monkeypatch.setattr(boto3, "client", clients.__getitem__)
    second = replace(_CALL, request_id="r2", usage=Usage(30))
    return _record(_CALL, monkeypatch), _record(second, monkeypatch)


def _used() -> int:
    row = bootstrap.tenant_llm_repository().find("acme", "gpt-4@OpenAI")
    assert row is not None
    return row.used_tokens


def _as_written(first: str, second: str) -> str:
    return "\n".join([_OTHER, first, _METRIC, second, "", "START RequestId: x"])


def _as_exported(first: str, second: str) -> str:
    return "".join(f"{_TIME} {line}\n" for line in (_OTHER, first, second))


def _as_filtered(first: str, second: str) -> str:
    events = [{"logStreamName": "s", "timestamp": 1, "message": line, "eventId": "e"} for line in (first, second)]
    return json.dumps({"events": events, "searchedLogStreams": []}, indent=4)


def _as_tailed(first: str, second: str) -> str:
    return "".join(f"{_TIME} 2026/11/23/[$LATEST]abc {line}\n" for line in (first, second))


def _as_queried(first: str, second: str) -> str:
    rows = [[{"field": "@timestamp", "value": _TIME}, {"field": "@message", "value": line}] for line in (first, second)]
    return json.dumps({"results": rows, "status": "Complete"})


@pytest.mark.parametrize("form", [_as_written, _as_exported, _as_filtered, _as_tailed, _as_queried])
@pytest.mark.parametrize("packed", [False, True])
def test_settlements_are_found_in_every_form_and_booked_once(
    lines: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], form: Any, packed: bool
) -> None:
    content = form(*lines).encode()
    path = tmp_path / "log"
    path.write_bytes(compress(content) if packed else content)

    results = [replay_unsettled.main(["dev", str(path)]) for _ in range(2)]

    assert results == [0, 0]
    assert _used() == 37
    at = f"{_NOW:%Y-%m-%dT%H:%M:%SZ}"
    assert capsys.readouterr().out.splitlines() == [
        f"counted   {at} acme r1 gpt-4@OpenAI 7 tokens",
        f"counted   {at} acme r2 gpt-4@OpenAI 30 tokens",
        "2 counted",
        f"repeated  {at} acme r1 gpt-4@OpenAI 7 tokens",
        f"repeated  {at} acme r2 gpt-4@OpenAI 30 tokens",
        "2 repeated",
    ]


def test_a_dry_run_tells_and_books_nothing(
    lines: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log"
    path.write_text(_as_written(*lines))

    assert replay_unsettled.main(["dev", str(path), "--dry-run"]) == 0

    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["found", "found", "2"]
    assert _used() == 0


def test_what_cannot_be_read_or_booked_is_told_and_the_rest_is_booked(
    lines: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = lines
    old = json.dumps(
        {"message": "unsettled", "settlement": json.loads(first)["settlement"] | {"at": "2020-01-01T00:00:00Z"}}
    )
    wrong = first.replace('"input_tokens":3', '"input_tokens":"3"')
    path = tmp_path / "log"
    path.write_text("\n".join([first[:200], wrong, old, second]))

    assert replay_unsettled.main(["dev", str(path)]) == 1

    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["failed", "failed", "failed", "counted", "1"]
    assert "usage.input_tokens" in told[1]
    assert "older than the ledger" in told[2]
    assert told[-1] == "1 counted, 3 failed"
    assert _used() == 30


def test_what_dynamodb_refuses_again_can_be_replayed_again(
    lines: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Settlement) -> str:
        raise ServiceUnavailable("storage refuses: ThrottlingException")

    assert replay_unsettled.replay(lines, refuse, 400) == 1

    assert "ThrottlingException" in capsys.readouterr().out


def test_settlements_are_read_from_the_log_group_too(
    lines: tuple[str, str], aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    client, group = client_of(aws.env, "logs"), "/tenant-llm-dev/functions"
    client.create_log_group(logGroupName=group)
    client.create_log_stream(logGroupName=group, logStreamName="s")
    milliseconds = int(_NOW.timestamp() * 1000)
    events = [{"timestamp": milliseconds, "message": line} for line in (_OTHER, *lines)]
    client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    since = (_NOW - timedelta(minutes=5)).isoformat()
    results = [replay_unsettled.main(["dev", "--since", since]) for _ in range(2)]

    assert results == [0, 0]
    assert _used() == 37


def test_a_log_without_a_settlement_is_told(lines: tuple[str, str], tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "log"
    path.write_text(f"{_OTHER}\n{_METRIC}\nunsettled weather\n")

    assert replay_unsettled.main(["dev", str(path)]) == 0

    assert capsys.readouterr().out == "no unsettled records\n"


@pytest.mark.parametrize("arguments", [["dev"], ["dev", "file", "--since", "2026-11-23"]])
def test_a_file_or_a_time_has_to_be_named_and_not_both(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        replay_unsettled.main(arguments)


def test_a_stage_s_variables_are_what_its_outputs_say(aws: Aws) -> None:
    environment = stack(CloudFormation(_stack(aws.env, "90")), "dev").environment()

    assert environment.items() <= (dict(aws.env) | {"LEDGER_DAYS": "90"}).items()
    assert len(environment) == 6

"""The command that shows usage, as operators run it: by the function ``admin``."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.admin.handler import handler
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.usage import Usage
from tests.support.aws import Aws
from tests.support.functions import LambdaContext
from tools import usage


@pytest.fixture
def invoked(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the functions that were invoked; ``admin`` answers for all of them."""
    names: list[str] = []

    def invoke(*, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 (as boto3 has them)
        names.append(f"{FunctionName}:{Qualifier}")
        return {"Payload": BytesIO(json.dumps(handler(json.loads(Payload), LambdaContext())).encode())}

    monkeypatch.setattr("boto3.client", lambda _: SimpleNamespace(invoke=invoke))
    return names


def test_an_operator_sees_a_chart_and_gets_a_plot(
    invoked: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(usage, "_PAGE", 4)
    for number in range(10):
        at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number)
        call = Settlement("acme", f"r{number}", "gpt-4", "OpenAI", ModelType.CHAT, Usage(1000, 1000), at)
        bootstrap.usage_repository().settle(call)
    arguments = ["--tenant", "acme", "--stack", "mine", "--since", "2026-11-01", "--until", "2026-11-30"]

    usage.main([*arguments, "--plot", str(tmp_path / "usage.png")])

    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith(
        "acme, 2026-11-01 to 2026-11-30: 10 calls, 0 errors, 20,000 tokens (0% estimated), $0.9000 by"
    )
    assert row.startswith("gpt-4@OpenAI ██")
    assert invoked == ["mine-admin:live"] * 3
    assert (tmp_path / "usage.png").stat().st_size > 10_000


def test_what_is_refused_ends_the_command(invoked: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        usage.main(["--tenant", "acme", "--since", "yesterday"])

    assert str(caught.value) == "since is 'yesterday': not a date like '2026-11-23'"


def test_a_stack_that_cannot_be_asked_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}, "Invoke")

    monkeypatch.setattr("boto3.client", lambda _: SimpleNamespace(invoke=refuse))

    with pytest.raises(SystemExit, match="AccessDeniedException"):
        usage.main(["--tenant", "acme"])

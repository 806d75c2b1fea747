import subprocess
import sys
from pathlib import Path

import pytest

from tools.costs import WORKLOADS, Sheet, _watched, fresh, prices
from tools.costs_measured import Measured

_ROOT = Path(__file__).parents[3]
_ONE = Measured(
    alone=6,
    budgeted=16,
    together=2.1,
    ledger_bytes=400,
    log_bytes=1000,
    metrics=4,
    shared_metrics=0,
    config_ttl=60,
    secret_ttl=300,
)


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return Sheet(prices(), _ONE)


def test_the_page_has_the_tables_that_the_command_makes() -> None:
    # A process of its own: what a call prints inside Lambda is measured on the process's standard output.
    checked = subprocess.run(
        [sys.executable, "-m", "tools.costs", "--check"], cwd=_ROOT, capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


def test_a_page_with_another_figure_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.costs.tables", lambda: "| $2.00 |")
    begin, end = "<!-- made by python -m tools.costs --write -->", "<!-- end -->"

    page = fresh(f"before\n{begin}\n\n| $1.00 |\n\n{end}\nafter")

    assert page == f"before\n{begin}\n\n| $2.00 |\n\n{end}\nafter"


def test_a_million_buffered_chats_by_hand(sheet: Sheet) -> None:
    costs = sheet.per_million(WORKLOADS[0])

    assert costs["API Gateway"] == pytest.approx(3.50)
    assert costs["Lambda time"] == pytest.approx(3 * 1_000_000 * 0.0000133334)
    assert costs["DynamoDB writes"] == pytest.approx(6 * 0.625)
    assert costs["logs"] == pytest.approx(1e9 / 1024**3 * 0.50)
    # One environment makes 20 calls a minute: a read of the tenant and one of the row; 100 calls in the keys' time.
    assert costs["look-ups and keys"] == pytest.approx(2 / 20 * 0.125 + 5 / 100)


def test_a_direct_call_pays_for_neither_gateway_nor_authorizer(sheet: Sheet) -> None:
    costs = sheet.per_million(WORKLOADS[3])

    assert not WORKLOADS[3].http
    assert (costs["API Gateway"], costs["authorizer"]) == (0, 0)


def test_the_small_proxy_by_hand(sheet: Sheet) -> None:
    small, benchmarked = sheet.proxies().values()

    tasks = 2 * 730 * (0.03238 + 2 * 0.00356)
    assert small == pytest.approx(tasks + 730 * 0.065 + 20 * 0.115 + 730 * (0.0225 + 0.008))
    assert benchmarked > small


def test_every_price_names_its_source() -> None:
    rows = {name: row for name, row in prices().items() if isinstance(row, dict)}

    assert len(rows) > 20
    assert [name for name, row in rows.items() if not row["source"].startswith("https://aws.amazon.com/")] == []
    assert [name for name, row in rows.items() if not row["usd"] > 0] == []


def test_an_alarm_is_paid_by_the_metrics_that_it_watches() -> None:
    metric = {"Id": "one", "MetricStat": {}}
    expression = {"Id": "sum", "Expression": "one + one"}

    assert _watched({"Properties": {"MetricName": "Errors"}}) == 1
    assert _watched({"Properties": {"Metrics": [metric, metric, expression]}}) == 2

"""``python -m tools.costs``: prints the tables of docs/costs.md; ``--write`` puts them there, ``--check`` compares.

Prices are rows of ``tools/prices.toml``, what a call writes is measured (``tools/costs_measured.py``), what accounts
differ in is assumed, here and in the page.
"""

import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.template import load, resources, template
from tenant_llm.repositories.usage_ledger import MOST_TOGETHER
from tools.costs_measured import Measured, measured

_ROOT = Path(__file__).parent.parent
PAGE = _ROOT / "docs" / "costs.md"
_STACK = "AWS::CloudFormation::Stack"
_PRICES = Path(__file__).parent / "prices.toml"
_BEGIN, _END = "<!-- made by python -m tools.costs --write -->", "<!-- end -->"
_MILLION = 1_000_000
_GB = 1024**3
_KB = 1024
_HOURS = 730
_SECONDS = _HOURS * 3600
_DAYS_OF_MONTH = 30.4

# Assumptions about calls, which the page states.
_AUTHORIZER_SECONDS, _AUTHORIZER_GB = 0.05, 0.5
_CALLS_OF_TOKEN = 100  # of one token within the five minutes for which API Gateway remembers it
_QUEUE_SECONDS, _QUEUE_GB, _QUEUE_REQUESTS = 0.1, 0.5, 3
_BATCHED_REQUESTS = 1.2  # one sent, and a tenth of one that receives and of one that deletes
_TRACE_SECONDS, _TRACE_GB, _TRACE_BATCH, _TRACE_KB = 1.0, 0.5, 10, 10
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: five at a time, each waiting 20 s
_POLLERS, _POLL_SECONDS = 5, 20
# Of each method: Count, Latency, IntegrationLatency, 4XXError, 5XXError
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
_METHOD_METRICS = 5


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of call: how long, in how much memory, and what goes to the internet (KB)."""

    name: str
    seconds: float
    sent_kb: float
    answered_kb: float
    http: bool = True


WORKLOADS = (
    Workload("chat, buffered, 3 s", 3.0, 8, 4),
    Workload("chat, streamed, 10 s", 10.0, 8, 75),
    Workload("embedding, 0.3 s", 0.3, 4, 20),
    Workload("chat, direct, 3 s", 3.0, 8, 0, http=False),
)


type Prices = Mapping[str, Mapping[str, Any]]
type Costs = dict[str, float]


def prices() -> Prices:
    """The rows by name; ``checked`` is the day on which they were read."""
    return tomllib.loads(_PRICES.read_text(encoding="utf-8"))


class Sheet:
    """Costs in US dollars of what was measured, at these prices."""

    def __init__(self, rows: Prices, one: Measured) -> None:
        self._rows = rows
        self._one = one
        self._defaults = template()["Parameters"]

    def usd(self, name: str, amount: float = 1.0) -> float:
        """What that much of a priced thing costs."""
        return float(self._rows[name]["usd"]) * amount

    def per_million(self, work: Workload) -> Costs:
        """A million calls, by what is paid for."""
        gb = self._valued({"Ref": "InvokeMemoryMb"}) / _KB
        authorized = 1 / _CALLS_OF_TOKEN if work.http else 0.0
        calls = {
            "API Gateway": self.usd("api_request") if work.http else 0.0,
            "authorizer": authorized * self._authorizer(),
            "Lambda requests": self.usd("lambda_request"),
            "Lambda time": self.usd("lambda_gb_second", work.seconds * gb),
            "DynamoDB writes": self.usd("dynamodb_write", self._one.alone),
            "look-ups and keys": self._look_ups(work.seconds),
            "logs": self.usd("log_gb", self._one.log_bytes / _GB),
            "X-Ray, at most": self.usd("trace"),
            "to the internet": self.usd("out_gb", (work.sent_kb + work.answered_kb) * _KB / _GB),
        }
        return {name: cost * _MILLION for name, cost in calls.items()}

    def more(self) -> Costs:
        """What is paid beside that, a million calls each."""
        queue = self.usd("sqs_request", _QUEUE_REQUESTS) + self._run(_QUEUE_SECONDS, _QUEUE_GB)
        trace = self.usd("sqs_request", _BATCHED_REQUESTS) + self._run(_TRACE_SECONDS, _TRACE_GB) / _TRACE_BATCH
        trace += self.usd("out_gb", _TRACE_KB * _KB / _GB)
        new = self._authorizer() * (1 - 1 / _CALLS_OF_TOKEN) + self._looked_up_anew()
        fewer = self._one.alone - self._one.together
        calls = {
            f"a budget ({self._one.budgeted - self._one.alone:g} more write units)": self.usd(
                "dynamodb_write", self._one.budgeted - self._one.alone
            ),
            "each further budget that counts for the call (4 write units)": self.usd("dynamodb_write", 4),
            f"settled through the queue, each alone ({_QUEUE_REQUESTS} SQS requests, one function)": queue,
            f"settled through the queue, {MOST_TOGETHER} together ({fewer:.1f} fewer write units)": (
                self.usd("sqs_request", _BATCHED_REQUESTS)
                + self._run(_QUEUE_SECONDS, _QUEUE_GB) / MOST_TOGETHER
                - self.usd("dynamodb_write", fewer)
            ),
            "a tenant that is traced (SQS, a share of the function that exports, 10 KB sent)": trace,
            "no call finds its token, model or key remembered": new,
        }
        return {name: cost * _MILLION for name, cost in calls.items()}

    def storage(self, calls: int) -> Costs:
        """A month of the ledger at so many calls a month, once ``LedgerDays`` have passed."""
        months = self._valued({"Ref": "LedgerDays"}) / _DAYS_OF_MONTH
        gigabytes = calls * months * (self._one.ledger_bytes + 100) / _GB  # DynamoDB counts 100 bytes more an item
        return {"kept": gigabytes, "usd": self.usd("dynamodb_gb", gigabytes) + self.usd("dynamodb_pitr_gb", gigabytes)}

    def idle(self) -> Costs:
        """A month of a stack without calls and tenants."""
        kinds = [resource["Type"] for resource in _all_resources()]
        polls = kinds.count("AWS::Lambda::EventSourceMapping") * _POLLERS * _SECONDS / _POLL_SECONDS
        alarms = sum(_watched(one) for one in _all_resources() if one["Type"] == "AWS::CloudWatch::Alarm")
        dashboards = kinds.count("AWS::CloudWatch::Dashboard")
        return {
            "functions, API, layers, policies": 0.0,
            "tables and queues, empty": 0.0,
            **self._snapshots(),
            f"Lambda looking for messages ({polls:,.0f} SQS requests)": self.usd("sqs_request", polls),
            f"alarms ({kinds.count('AWS::CloudWatch::Alarm')}, of {alarms} metrics)": self.usd("alarm", alarms),
            f"dashboards ({dashboards})": self.usd("dashboard", dashboards),
        }

    def monthly(self) -> Costs:
        """What is paid by the month for what is used at all."""
        shared = self._one.shared_metrics
        return {
            "a tenant: its secret": self.usd("secret"),
            f"a model type of a factory: {self._one.metrics} metrics of calls": self.usd("metric", self._one.metrics),
            "each further metric of it (failures, budgets …)": self.usd("metric"),
            **({f"the stack: {shared} metrics of calls": self.usd("metric", shared)} if shared else {}),
            f"a route: {_METHOD_METRICS} metrics of API Gateway": self.usd("metric", _METHOD_METRICS),
        }

    def snapstart(self) -> Costs:
        """SnapStart with the memory of an invoking function."""
        gb = self._valued({"Ref": "InvokeMemoryMb"}) / _KB
        return {
            "a published version, for each month that it is kept": self.usd("snapstart_cache_gb_second", gb * _SECONDS),
            "a million cold starts": self.usd("snapstart_restore_gb", gb * _MILLION),
        }

    def _snapshots(self) -> Costs:
        """Of the functions that start from one, by the parameters' defaults; of one version each."""
        shared = template()["Globals"]["Function"]
        functions = [
            {**shared, **resource["Properties"]}
            for resource in resources().values()
            if resource["Type"] == "AWS::Serverless::Function"
        ]
        memory = [
            self._valued(one["MemorySize"]) / _KB
            for one in functions
            if self._valued(one.get("SnapStart", {}).get("ApplyOn")) == "PublishedVersions"
        ]
        cost = self.usd("snapstart_cache_gb_second", sum(memory) * _SECONDS)
        return {f"snapshots of {len(memory)} functions, {sum(memory):g} GB": cost} if memory else {}

    def _valued(self, value: Any) -> Any:
        """A property, or the default of the parameter that it refers to."""
        return self._defaults[value["Ref"]]["Default"] if isinstance(value, dict) else value

    def proxies(self) -> Costs:
        """A month of a proxy on servers, two of them behind a load balancer, with PostgreSQL."""
        balancer = self.usd("alb_hour", _HOURS) + self.usd("lcu_hour", _HOURS)

        def tasks(vcpu: float, gb: float) -> float:
            return 2 * _HOURS * (self.usd("fargate_vcpu_hour", vcpu) + self.usd("fargate_gb_hour", gb))

        database = self.usd("rds_medium_hour", _HOURS) + self.usd("rds_gb", 20)
        return {
            "small: 2 × 1 vCPU, 2 GB; db.t4g.medium in one zone": tasks(1, 2) + database + balancer,
            "as benchmarked: 2 × 4 vCPU, 8 GB; db.t4g.medium in two zones": tasks(4, 8) + 2 * database + balancer,
        }

    def _authorizer(self) -> float:
        return self._run(_AUTHORIZER_SECONDS, _AUTHORIZER_GB) + self.usd("dynamodb_read")

    def _look_ups(self, seconds: float) -> float:
        """Of an environment that serves one tenant's calls one after the other."""
        configs, keys = self._one.config_ttl / seconds, self._one.secret_ttl / seconds
        return self.usd("dynamodb_read", 2 / configs) + self.usd("secret_request", 1 / keys)

    def _looked_up_anew(self) -> float:
        return self.usd("dynamodb_read", 2) + self.usd("secret_request")

    def _run(self, seconds: float, gb: float) -> float:
        return self.usd("lambda_request") + self.usd("lambda_gb_second", seconds * gb)


def _all_resources() -> list[Any]:
    """The template's resources, and those of the stacks in it."""
    nested = [one["Properties"]["TemplateURL"] for one in resources().values() if one["Type"] == _STACK]
    return [*resources().values(), *(one for name in nested for one in load(_ROOT / name)["Resources"].values())]


def _watched(alarm: Mapping[str, Any]) -> int:
    """The metrics of an alarm: one, or those that its expression is made of."""
    return sum("MetricStat" in metric for metric in alarm["Properties"].get("Metrics", ())) or 1


def tables() -> str:
    """The tables of the page."""
    rows = prices()
    one = measured()
    sheet = Sheet(rows, one)
    works = {work.name: sheet.per_million(work) for work in WORKLOADS}
    parts = next(iter(works.values()))
    total = {name: sum(costs.values()) for name, costs in works.items()}
    stored = sheet.storage(_MILLION)
    idle, idle_total = sheet.idle(), sum(sheet.idle().values())
    return "\n".join(
        [
            "### A million calls",
            "",
            *_table(
                ["", *works],
                [
                    *([part, *(_usd(costs[part]) for costs in works.values())] for part in parts),
                    ["**together**", *(f"**{_usd(cost)}**" for cost in total.values())],
                    ["of it without the time that is waited", *_without_time(works)],
                ],
            ),
            "",
            f"Measured of one call: {one.alone:g} write units, {one.ledger_bytes} bytes in the ledger, "
            f"{one.log_bytes} bytes of log in two lines.",
            "",
            "What comes on top, for a million calls each:",
            "",
            *_costs(sheet.more()),
            "",
            "### A month",
            "",
            "Of a stack that nobody calls:",
            "",
            *_costs({**idle, "together": idle_total}),
            "",
            "And for each:",
            "",
            *_costs(sheet.monthly()),
            "",
            f"The ledger of a million calls a month is {stored['kept']:.1f} GB when it has been kept for `LedgerDays`, "
            f"and costs {_usd(stored['usd'])} a month with point-in-time recovery.",
            "",
            "SnapStart is not free for Python. With the memory of an invoking function:",
            "",
            *_costs(sheet.snapstart()),
            "",
            "### Against servers",
            "",
            *_table(
                ["a proxy on Fargate", "a month", *(f"calls a month: {name}" for name in works)],
                [
                    [name, _usd(cost), *(_calls((cost - idle_total) / each * _MILLION) for each in total.values())]
                    for name, cost in sheet.proxies().items()
                ],
            ),
            "",
            "### Prices",
            "",
            f"us-east-1, read on {rows['checked']}; no free tier, no discount, no tax.",
            "",
            *_table(
                ["what", "US$", "AWS's page", "read"],
                [_row(row) for row in rows.values() if isinstance(row, dict)],
                "---",
            ),
        ]
    )


def fresh(page: str) -> str:
    """The page with its tables made anew."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{tables()}\n\n{_END}{after}"


def _row(row: Mapping[str, Any]) -> list[str]:
    read = row.get("read", row["source"])
    return [row["what"], _price(row["usd"]), f"[AWS]({row['source']})", f"[{urlsplit(read).hostname}]({read})"]


def _without_time(works: Mapping[str, Costs]) -> list[str]:
    return [_usd(sum(costs.values()) - costs["Lambda time"]) for costs in works.values()]


def _costs(costs: Mapping[str, float]) -> list[str]:
    return _table(["", "US$"], [[name, _usd(cost)] for name, cost in costs.items()])


def _table(heads: list[str], rows: Iterable[list[str]], rule: str = "---:") -> list[str]:
    lines = [heads, ["---", *([rule] * (len(heads) - 1))], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _usd(cost: float) -> str:
    sign = "−" if cost < 0 else ""
    return f"{sign}${abs(cost):,.2f}"


def _price(usd: float) -> str:
    return f"{usd:.10f}".rstrip("0").rstrip(".") if usd < 1 else f"{usd:.2f}"


def _calls(number: float) -> str:
    return f"{number / _MILLION:,.1f} million"


def main() -> int:
    """0, or 1 where ``--check`` finds the page stale."""
    parser = ArgumentParser("python -m tools.costs", description="The tables of docs/costs.md.")
    parser.add_argument("--write", action="store_true", help="put them into the page")
    parser.add_argument("--check", action="store_true", help="say whether the page is stale")
    options = parser.parse_args()
    if not (options.write or options.check):
        sys.stdout.write(tables() + "\n")
        return 0
    page = PAGE.read_text(encoding="utf-8")
    now = fresh(page)
    if options.write:
        PAGE.write_text(now, encoding="utf-8")
    elif now != page:
        print("docs/costs.md is stale: python -m tools.costs --write")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

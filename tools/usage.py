"""``python -m tools.usage``: what a tenant has used, as a chart in the terminal, as CSV, or as a plot.

An operator asks AWS, by the right to invoke the stack's function ``admin``::

    python -m tools.usage --tenant tenant123 --since 2026-11-01 --group-by model,type --plot usage.svg

A tenant asks the API; the token is in the environment, where no list of processes shows it::

    TENANT_LLM_TOKEN=tllm_… python -m tools.usage --url http://127.0.0.1:8080 --csv
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import COUNTS, DayUsage
from tenant_llm.domain.usage_report import DIMENSIONS, Dimension, Line, Totals, grouped, totals
from tenant_llm.surface.usage_csv import table
from tools.stack import ALIAS

type Ask = Callable[[dict[str, Any]], Any]

_TOKEN = "TENANT_LLM_TOKEN"  # noqa: S105 (the name of a variable)
_FINEST = ("day", "model", "type", "factory")
_PAGE = 1000
_SECONDS = 60
_BLOCKS = " ▏▎▍▌▋▊▉█"
_LONGEST_LABEL = 44
_SHORTEST_BAR = 10


class Refused(Exception):
    """When the other side does not answer with a report; the message says what it says instead."""


def ask_aws(function: str, tenant_id: str, query: dict[str, Any]) -> Any:
    """A report by the function ``admin``."""
    event = {"operation": "get_tenant_usage", "tenant_id": tenant_id, **query}
    answer = boto3.client("lambda").invoke(FunctionName=function, Qualifier=ALIAS, Payload=json.dumps(event).encode())
    return _report(json.loads(answer["Payload"].read()))


def ask_api(client: httpx.Client, query: dict[str, Any]) -> Any:
    """A report by the API, for the tenant of the client's token."""
    answer = client.get("/v1/usage", params=query)
    try:
        return _report(answer.json())
    except ValueError:
        raise Refused(f"{answer.url} answers {answer.status_code}, and no JSON") from None


def read(ask: Ask, query: dict[str, Any]) -> tuple[list[Line], Any]:
    """Every line of a report, page after page, and the last page without them."""
    lines: list[Line] = []
    query = {**query, "group_by": ",".join(_FINEST), "limit": _PAGE}
    while True:
        page = ask(query)
        lines += map(_line, page.pop("groups"))
        if page["next_cursor"] is None:
            return lines, page
        query["cursor"] = page["next_cursor"]


def chart(lines: Sequence[Line], by: Sequence[Dimension], width: int) -> Iterator[str]:
    """Bars of tokens, a line a group: by day in order, else the largest first."""
    groups = [(_label(places), totals(part)) for places, part in grouped(lines, by)]
    if "day" not in by:
        groups.sort(key=lambda group: -group[1].total_tokens)
    most = max((total.total_tokens for _, total in groups), default=0)
    labels = min(max((len(label) for label, _ in groups), default=0), _LONGEST_LABEL)
    facts = [_facts(total) for _, total in groups]
    room = max(width - labels - max(map(len, facts), default=0) - 2, _SHORTEST_BAR)
    for (label, total), fact in zip(groups, facts, strict=True):
        yield f"{_cut(label, labels):<{labels}} {bar(total.total_tokens, most, room):<{room}} {fact}".rstrip()


def bar(amount: int, most: int, width: int) -> str:
    """A bar of eighths of a character, as long as the amount is of the most; something is never nothing."""
    eighths = amount * width * 8 // most if most else 0
    eighths = max(eighths, 1) if amount else 0
    whole, rest = divmod(eighths, 8)
    return _BLOCKS[8] * whole + (_BLOCKS[rest] if rest else "")


def summary(tenant: str, page: Any, lines: Sequence[Line]) -> str:
    """One line on the whole."""
    total = totals(lines)
    counts = total.counts
    cost = _cost(total)
    of = "" if total.priced_share in (None, 1) else f" for {total.priced_share:.0%} of the tokens"
    return (
        f"{tenant}, {page['since']} to {page['until']}: {counts['calls']:,} calls, {counts['errors']:,} errors, "
        f"{total.total_tokens:,} tokens ({total.estimated_share:.0%} estimated), "
        + (f"{cost}{of} by {page['prices']['source']}" if cost else "no price is known")
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, and show."""
    options = _options(arguments)
    query = {name: getattr(options, name) for name in ("since", "until", "models") if getattr(options, name)}
    try:
        with _source(options) as ask:
            lines, page = read(ask, query)
    except (Refused, httpx.HTTPError, BotoCoreError, ClientError) as error:
        sys.exit(str(error))
    told = summary(options.tenant or options.url, page, lines)
    if options.csv:
        sys.stdout.write(table(lines, options.group_by))
    else:
        print(told)
        for text in chart(lines, options.group_by, get_terminal_size().columns):
            print(text)
    if options.plot:
        from tools.usage_plot import plot

        period = date.fromisoformat(page["since"]), date.fromisoformat(page["until"])
        plot(lines, options.group_by, period, told, options.plot)
        print(f"{options.plot} is written", file=sys.stderr)


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("python -m tools.usage", description="What a tenant has used.")
    parser.add_argument("--tenant", help="the tenant, asked of AWS as an operator")
    parser.add_argument("--stack", default="tenant-llm-dev", help="its stack in AWS; %(default)s")
    parser.add_argument("--url", help=f"the API, asked with the token in {_TOKEN}")
    parser.add_argument("--since", help="a date, as 2026-11-01; else 30 days ago")
    parser.add_argument("--until", help="a date; else today")
    parser.add_argument("--models", help="addresses or names, separated by commas; else all")
    parser.add_argument("--group-by", type=_dimensions, default=("model",), help=f"of {', '.join(DIMENSIONS)}")
    parser.add_argument("--csv", action="store_true", help="CSV in place of the chart")
    parser.add_argument("--plot", type=_plot_file, help="a file, .svg or .png, for a plot by day")
    options = parser.parse_args(arguments)
    if bool(options.tenant) == bool(options.url):
        parser.error("either --tenant or --url is needed")
    return options


def _dimensions(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if wrong := [name for name in names if name not in DIMENSIONS]:
        raise ValueError(wrong)
    return names


def _plot_file(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(text)
    return path


@contextmanager
def _source(options: Namespace) -> Iterator[Ask]:
    if options.tenant:
        yield partial(ask_aws, f"{options.stack}-admin", options.tenant)
        return
    headers = {"authorization": f"Bearer {os.environ.get(_TOKEN, '')}"}
    with httpx.Client(base_url=options.url, headers=headers, timeout=_SECONDS) as client:
        yield partial(ask_api, client)


def _report(answer: Any) -> Any:
    if not isinstance(answer, dict) or "groups" not in answer:
        told = answer.get("error", answer) if isinstance(answer, dict) else answer
        raise Refused(told.get("message", str(told)) if isinstance(told, dict) else str(told))
    return answer


def _line(group: Any) -> Line:
    llm_name = group["model"].removesuffix(f"@{group['factory']}")
    counts = {name: group[name] for name in COUNTS}
    usage = DayUsage(date.fromisoformat(group["date"]), llm_name, group["factory"], **counts, native=group["native"])
    kind = None if group["type"] is None else ModelType(group["type"])
    return Line(usage, kind, None if group["cost_usd"] is None else Decimal(str(group["cost_usd"])))


def _label(places: Sequence[str | None]) -> str:
    # What a tenant has named is not let loose on an operator's terminal.
    return "  ".join("".join(c if c.isprintable() else "?" for c in place or "?") for place in places)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _facts(total: Totals) -> str:
    native = [f"{amount:,} {unit}" for unit, amount in total.native.items()]
    errors = [f"{total.counts['errors']:,} errors"] if total.counts["errors"] else []
    return "  ".join([f"{total.total_tokens:>11,}", *filter(None, [_cost(total)]), *native, *errors])


def _cost(total: Totals) -> str:
    return "" if total.cost is None else f"${total.cost:,.2f}" if total.cost >= 1 else f"${total.cost:.4f}"


if __name__ == "__main__":
    main()

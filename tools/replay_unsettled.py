"""``python -m tools.replay_unsettled STAGE [FILE]``: books settlements that neither DynamoDB nor the queue took.

They are in the log, whole, in records with the message ``unsettled``. FILE holds such records as the functions wrote
them, one a line; as CloudWatch exports them, with a time before each, also compressed; or as ``aws logs
filter-log-events`` or a query's result prints them. Without a file they are read from the stage's log group, from
``--since`` on. Each settlement is booked under its own request id and for its own day, so that nothing is counted
twice, however often this is run.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from gzip import decompress
from json import JSONDecodeError, JSONDecoder, loads
from pathlib import Path
from typing import Any

import boto3

from tenant_llm import bootstrap
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import decode
from tenant_llm.domain.wire import Json
from tenant_llm.settings import settings
from tools.stack import stack

type Book = Callable[[Settlement], str]

_WORD = "unsettled"
_GZIP = b"\x1f\x8b"


def main(arguments: list[str]) -> int:
    """0 if all that was found is in the accounts, or would be; 1 where something failed."""
    asked = _arguments(arguments)
    os.environ.update(stack(boto3.client("cloudformation"), asked.stage).environment())
    texts = [read(asked.file)] if asked.file else logged(boto3.client("logs"), asked.stage, asked.since, asked.until)
    return replay(texts, _would_book if asked.dry_run else bootstrap.usage_service().book, settings().ledger_days)


def replay(texts: Iterable[str], book: Book, ledger_days: int) -> int:
    """Book every settlement in the texts, and print a line for each and their number; returns what ``main`` does.

    One that is older than the ledger is refused: nobody can tell any more whether it was counted.
    """
    oldest = datetime.now(UTC) - timedelta(days=ledger_days)
    outcomes: Counter[str] = Counter()
    for text in texts:
        for encoded in settlements(text):
            outcome, line = _replayed(encoded, book, oldest)
            outcomes[outcome] += 1
            print(line, flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "no unsettled records")
    return 1 if outcomes["failed"] else 0


def _replayed(encoded: Json, book: Book, oldest: datetime) -> tuple[str, str]:
    try:
        settlement = decode(encoded)
    except TenantLLMError as error:
        return "failed", f"failed    {error.message}"
    what = f"{settlement.at:%Y-%m-%dT%H:%M:%SZ} {settlement.tenant_id} {settlement.request_id} {settlement.address}"
    what = f"{what} {settlement.usage.total_tokens} tokens"
    if settlement.at <= oldest:
        return "failed", f"failed    {what}: older than the ledger, which would know whether it was counted"
    try:
        outcome = book(settlement)
    except TenantLLMError as error:
        return "failed", f"failed    {what}: {error.message}"
    return outcome, f"{outcome:9} {what}"


def _would_book(_: Settlement) -> str:
    return "found"


def settlements(text: str) -> Iterator[Json]:
    """What stands under ``settlement`` in the records of a text: of JSON as a whole, else of its lines."""
    try:
        whole = loads(text)
    except JSONDecodeError:
        for line in text.splitlines():
            yield from _of_line(line)
    else:
        yield from _within(whole)


def _of_line(line: str) -> Iterator[Json]:
    """What is in the first JSON value of a line that has the word; ``None``, no settlement, if it is broken."""
    start = line.find("{")
    if _WORD not in line or start < 0:
        return
    try:
        record, _ = JSONDecoder().raw_decode(line, start)
    except JSONDecodeError:
        yield None
    else:
        yield from _within(record)


def _within(value: Json) -> Iterator[Json]:
    match value:
        case {"settlement": settlement}:
            yield settlement
        case dict():
            for item in value.values():
                yield from _within(item)
        case list():
            for item in value:
                yield from _within(item)
        case str():
            yield from _of_line(value)


def read(path: Path) -> str:
    """A file's text, also of one that CloudWatch has compressed."""
    content = path.read_bytes()
    return (decompress(content) if content.startswith(_GZIP) else content).decode()


def logged(client: Any, stage: str, since: datetime, until: datetime) -> Iterator[str]:
    """The records of that time in the stage's log group that hold the word; ``client`` is CloudWatch Logs'."""
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/tenant-llm-{stage}/functions",
        startTime=int(since.timestamp() * 1000),
        endTime=int(until.timestamp() * 1000),
        filterPattern=f'"{_WORD}"',
    )
    for page in pages:
        yield from (event["message"] for event in page["events"])


def _arguments(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m tools.replay_unsettled", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--since", type=_time, help="from when on the log group is read; UTC unless it says otherwise")
    parser.add_argument("--until", type=_time, default=datetime.now(UTC))
    parser.add_argument("--dry-run", action="store_true", help="tell what would be booked, and book nothing")
    asked = parser.parse_args(arguments)
    if (asked.file is None) == (asked.since is None):
        parser.error("name either a FILE or the time SINCE which the log group is read")
    return asked


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Writes docs/providers.md from the catalogue and the golden cases; with --check only says whether it is stale."""

import json
import sys
from collections import Counter
from functools import cache
from pathlib import Path

from tenant_llm.catalogue.load import providers
from tenant_llm.catalogue.schema import Provider
from tenant_llm.domain.model_type import ModelType

_ROOT = Path(__file__).parent.parent
_RECORDINGS = _ROOT / "tests" / "wire" / "recordings.json"
_PAGE = _ROOT / "docs" / "providers.md"
_WIRES = {ModelType.IMAGE2TEXT: ModelType.CHAT}  # images are parts of messages

_HEAD = """\
# Providers

Made by `python tools/provider_table.py` from `catalogue/providers/*.toml` and the golden cases under `tests/wire`; a
test fails when it is stale. *Tested against* counts the golden cases of the wire, which were written from the
documentation they link; no provider was asked with a real key. *Recordings* are answers of that very provider which
other projects recorded, and of which `tools/replay_recordings.py` found so many read as an independent reader reads
them. *Usage* is where tokens come from, as the golden cases show it: the provider's own report, in tokens or in a unit
of its own, or the marked estimate of `domain/tokens.py`.

"""


def page() -> str:
    """The whole page."""
    rows = sorted(providers(), key=lambda row: row.name.lower())
    pairs = [(row, kind) for row in rows for kind in ModelType if kind in row.dialects]
    counts = Counter(row.dialects[kind] for row, kind in pairs)
    refused = [(row, kind) for row in rows for kind in ModelType if kind in row.refused]
    recorded = [count for kinds in _recordings().values() for count in kinds.values()]
    lines = [
        f"{len(rows)} factories; {len(pairs)} (factory, type) pairs; {len(counts)} dialects; {len(refused)} refusals. "
        f"{sum(count[0] for count in recorded)} of {sum(count[1] for count in recorded)} recordings are read right, of "
        f"{len(recorded)} pairs.",
        "",
        "| dialect | pairs |",
        "|---|---|",
        *(f"| {family} | {count} |" for family, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        "",
        "| factory | type | dialect | tested against | recordings | usage |",
        "|---|---|---|---|---|---|",
        *(_line(row, kind) for row in rows for kind in ModelType if kind in row.dialects or kind in row.refused),
        "",
    ]
    return _HEAD + "\n".join(lines)


def _line(row: Provider, kind: ModelType) -> str:
    name = f"[{row.name}]({row.docs})" + (" (retired)" if row.status == "retired" else "")
    if kind not in row.dialects:
        return f"| {name} | {kind} | – | refused: {row.refused[kind]} | – | – |"
    family = row.dialects[kind]
    cases = sorted((_ROOT / "tests" / "wire" / family / _WIRES.get(kind, kind)).glob("*.json"))
    return f"| {name} | {kind} | {family} | {_tested(cases)} | {_recorded(row, kind)} | {_usage(cases)} |"


def _tested(cases: list[Path]) -> str:
    if not cases:
        return "nothing"
    first = next((case for case in cases if case.stem.startswith("plain")), cases[0])
    docs = json.loads(first.read_text(encoding="utf-8"))["docs"]
    return f"golden cases: {len(cases)} ([documentation]({docs}))"


def _recorded(row: Provider, kind: ModelType) -> str:
    right, read = _recordings().get(row.name, {}).get(kind.value, (0, 0))
    return f"{right} of {read}" if read else "–"


@cache
def _recordings() -> dict[str, dict[str, tuple[int, int]]]:
    counts: dict[str, dict[str, tuple[int, int]]] = json.loads(_RECORDINGS.read_text(encoding="utf-8"))
    return counts


def _usage(cases: list[Path]) -> str:
    results = [json.loads(case.read_text(encoding="utf-8")) for case in cases]
    told = [case.get("result", case.get("streamed")) or {} for case in results]
    usages = [result["usage"] for result in told if result.get("usage")]
    if not usages:
        return "estimate" if cases else "–"
    units = sorted({unit for usage in usages for unit in usage.get("native", {})})
    tokens = any(key.endswith("_tokens") for usage in usages for key in usage)
    return ", ".join(["provider's tokens"] * tokens + units)


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` tell by the exit code whether it is stale."""
    if arguments == ["--check"]:
        return int(_PAGE.read_text(encoding="utf-8") != page())
    _PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {_PAGE.relative_to(_ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

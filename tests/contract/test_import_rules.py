"""The rules in ``pyproject.toml`` about imports catch what they forbid: a copy of the package with one sin a rule.

That the package itself keeps them is ``make arch``.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

_ROOT = Path(__file__).parents[2]
_SINS = {
    "Arrows point one way": ("domain/names.py", "tenant_llm.surface.http"),
    "Domain, catalogue and dialects are pure": ("catalogue/load.py", "random"),
    "Dialect families do not know each other, but for derived ones": (
        "dialects/openai/chat.py",
        "tenant_llm.dialects.azure_openai.chat",
    ),
    "Only transport talks HTTP": ("services/usage.py", "httpx"),
    "Only repositories talk to AWS": ("surface/http.py", "boto3"),
    "Only one module knows the Langfuse SDK": ("services/invocation.py", "langfuse"),
    "Only one module knows prices": ("services/usage_report.py", "genai_prices"),
    "Only settings reads the environment": ("telemetry/metrics.py", "os"),
    "Model types are strangers, but image2text asks chat": ("services/rerank.py", "tenant_llm.services.embedding"),
    "What only developers install is not in the layer": ("services/lookup.py", "yaml"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of the copy."""
    folder = tmp_path_factory.mktemp("planted")
    copytree(
        _ROOT / "layers/shared/python/tenant_llm",
        folder / "tenant_llm",
        ignore=ignore_patterns("__pycache__", "*.toml"),
    )
    for name, imported in _SINS.values():
        module = folder / "tenant_llm" / name
        module.write_text(f"{module.read_text()}\n\ndef planted() -> None:\n    import {imported}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    command = [str(linter), "--no-cache", "--config", str(_ROOT / "pyproject.toml")]
    run = subprocess.run(command, cwd=folder, env={"COLUMNS": "300"}, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    return run.stdout


def test_every_rule_has_its_sin() -> None:
    rules = tomllib.loads((_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert [rule["name"] for rule in rules] == list(_SINS)


@pytest.mark.parametrize("rule", _SINS)
def test_a_rule_names_the_import_that_breaks_it(rule: str, judged: str) -> None:
    name, imported = _SINS[rule]

    module = f"tenant_llm.{name.removesuffix('.py').replace('/', '.')}"
    line = len((_ROOT / "layers/shared/python/tenant_llm" / name).read_text().splitlines()) + 4
    assert f"{rule} BROKEN" in judged
    assert f"{module} -> {imported} (l.{line})" in judged

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tenant_llm.surface import snapshot

_ROOT = Path(__file__).parents[3]
_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
_CLEAN = """
import functions.invoke_chat.handler
from tenant_llm import bootstrap
from tenant_llm.repositories.tables import connection
from tenant_llm.surface import snapshot
from tenant_llm.transport.auth import google, role
import sys
before = set(sys.modules)
snapshot.before()
assert "tenant_llm.dialects.openai.chat" in set(sys.modules) - before
assert "tenant_llm.dialects.openai.tts" not in sys.modules
assert bootstrap.transport()._client is None
assert len(bootstrap.secret_store()._known) == len(bootstrap.resolution()._configs) == len(role.keys()._items) == 0
"""


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is registered with the runtime."""
    registered: list[Callable[[], None]] = []
    runtime = SimpleNamespace(register_before_snapshot=registered.append, register_after_restore=registered.append)
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)
    monkeypatch.setattr(snapshot, "find_spec", lambda _: object())
    return registered


@pytest.mark.parametrize(
    ("kind", "expected"), [("on-demand", []), ("snap-start", [snapshot.before, snapshot.after])], ids=str
)
def test_hooks_are_registered_where_a_snapshot_will_be_taken(
    hooks: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch, kind: str, expected: list[object]
) -> None:
    built: list[str] = []
    monkeypatch.setenv(_TYPE, kind)

    snapshot.prepare(lambda: built.append("services"))

    assert (built, hooks) == (["services"], expected)


def test_a_runtime_without_hooks_still_prepares(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setenv(_TYPE, "snap-start")
    monkeypatch.setattr(snapshot, "find_spec", lambda _: None)

    snapshot.prepare(lambda: built.append("services"))

    assert built == ["services"]


def test_environments_of_one_snapshot_draw_different_numbers() -> None:
    state = random.getstate()

    drawn = set()
    for _ in range(2):
        random.setstate(state)
        snapshot.after()
        drawn.add(random.random())

    assert len(drawn) == 2


def test_a_snapshot_holds_what_the_first_call_needs_and_nothing_of_a_tenant() -> None:
    variables = dict.fromkeys(("TENANT_LLM_TABLE", "TENANT_TABLE", "USAGE_TABLE", "API_TOKEN_TABLE"), "table")
    env = variables | {"SECRET_PREFIX": "x/", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    env |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", _TYPE: "on-demand", "PYTHONPATH": str(_ROOT)}

    ended = subprocess.run([sys.executable, "-c", _CLEAN], cwd=_ROOT, env=env, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr

"""The layers hold what the lock and the sources say, compiled for a file system that cannot be written to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.check_build import foreign, uncompiled

_ROOT = Path(__file__).parents[2]
_DEPENDENCIES = _ROOT / "layers" / "dependencies"
_SOURCES = _ROOT / "layers" / "shared" / "python"
_CACHE = "__pycache__"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared layer, as ``sam build`` makes it."""
    folder = tmp_path_factory.mktemp("shared")
    subprocess.run(
        ["make", "build-SharedLayer", f"ARTIFACTS_DIR={folder}", f"PYTHON={sys.executable}"],
        cwd=_SOURCES.parent,
        capture_output=True,
        check=True,
    )
    return folder


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and _CACHE not in path.parts}


def test_the_requirements_are_what_the_lock_says() -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "export", "--frozen", "--no-dev", "--no-emit-project", "--no-annotate", "--no-header"]

    exported = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout

    assert (_DEPENDENCIES / "requirements.txt").read_text() == exported, "run: make lock"


def test_the_requirements_are_hashed_and_hold_no_tool() -> None:
    lines = (_DEPENDENCIES / "requirements.txt").read_text().splitlines()

    pins = [line for line in lines if not line.startswith(" ")]
    hashes = [number for number, line in enumerate(lines) if "--hash=sha256:" in line]
    assert all("==" in pin and lines.index(pin) + 1 in hashes for pin in pins)
    assert {pin.partition("==")[0] for pin in pins}.isdisjoint({"pytest", "moto", "mypy", "ruff", "openai"})


def test_the_shared_layer_holds_the_package_and_its_data(shared: Path) -> None:
    built = _files(shared)

    assert built == {Path("python") / path for path in _files(_SOURCES)} | {Path("bin/serve")}
    assert os.access(shared / "bin" / "serve", os.X_OK)
    assert Path("python/tenant_llm/catalogue/profiles.toml") in built


def test_the_shared_layer_is_compiled_once_and_for_all(shared: Path) -> None:
    assert list(uncompiled(shared)) == []


def test_a_module_without_bytecode_or_with_a_dated_one_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text("")
    (tmp_path / "dated.py").write_text("")
    dated = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "timestamp", str(tmp_path / "dated.py")]
    subprocess.run(dated, check=True)

    faults = list(uncompiled(tmp_path))

    assert len(faults) == 2
    assert faults[0].endswith("bare.py is not compiled")
    assert "dated" in faults[1]


def test_a_library_for_other_processors_is_a_fault(tmp_path: Path) -> None:
    arm64 = (183).to_bytes(2, "little")
    (tmp_path / "fast.so").write_bytes(b"\x7fELF".ljust(18, b"\0") + arm64)

    assert list(foreign(tmp_path, "arm64")) == []
    assert len(list(foreign(tmp_path, "x86_64"))) == 1

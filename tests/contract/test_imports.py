"""A handler loads what every call needs, and nothing that only some calls need."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_FUNCTIONS = sorted(folder.name for folder in (_ROOT / "functions").iterdir() if (folder / "handler.py").exists())
_HEAVY = (
    "boto3",
    "botocore",
    "pynamodb",
    "httpx",
    "langfuse",
    "openai",
    "multipart",
    "aws_lambda_powertools",
    "cryptography",
    "genai_prices",
)
_FAMILIES = sorted(
    f"tenant_llm.dialects.{folder.name}"
    for folder in (_ROOT / "layers/shared/python/tenant_llm/dialects").iterdir()
    if (folder / "__init__.py").exists()
)
_SHOW = "import sys, functions.{}.handler; print(*sys.modules, sep='\\n')"


def _loaded(program: str) -> set[str]:
    """The modules of a fresh interpreter without settings, credentials or Lambda's variables."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=_ROOT,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(found.stdout.split())


def test_there_are_functions_and_dialects_to_look_at() -> None:
    assert "invoke_chat" in _FUNCTIONS
    assert "tenant_llm.dialects.openai" in _FAMILIES


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_handler_loads_no_client_and_no_dialect(function: str) -> None:
    loaded = _loaded(_SHOW.format(function))

    assert f"functions.{function}.handler" in loaded
    assert loaded.isdisjoint({*_HEAVY, *_FAMILIES})


def test_calling_a_model_loads_no_prices() -> None:
    services = "chat, embedding, image2text, invocation, rerank, speech2text, tts, usage"
    loaded = _loaded(f"import sys; from tenant_llm.services import {services}; print(*sys.modules, sep='\\n')")

    assert "tenant_llm.services.invocation" in loaded
    assert loaded.isdisjoint({"genai_prices", "tenant_llm.services.prices"})


def test_importing_the_package_loads_none_of_its_parts() -> None:
    loaded = _loaded("import sys, tenant_llm; print(*sys.modules, sep='\\n')")

    assert {name for name in loaded if name.startswith("tenant_llm.")} == set()
    assert loaded.isdisjoint({*_HEAVY, "pydantic"})


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_functions_folder_holds_its_handler(function: str) -> None:
    files = {path.name for path in (_ROOT / "functions" / function).iterdir() if path.name != "__pycache__"}

    assert files == {"handler.py"}

from collections.abc import Iterator

import pytest

from tenant_llm.settings import settings


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("TENANT_LLM_TABLE", "TENANT_TABLE", "USAGE_TABLE", "API_TOKEN_TABLE", "SECRET_PREFIX"):
        monkeypatch.setenv(variable, "none")
    settings.cache_clear()
    yield
    settings.cache_clear()

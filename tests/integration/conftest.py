"""The bundle whole: embedded AWS, our services, a provider on loopback."""

from collections.abc import Iterator

import pytest

from tenant_llm import bootstrap
from tests.support.aws import Aws


@pytest.fixture
def bundle(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """AWS, empty, and settings that let providers be on loopback."""
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    bootstrap.reset()
    yield aws
    bootstrap.reset()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider's error that is counted late, on a busy machine, is still counted within its test."""
    monkeypatch.setattr("tenant_llm.services.usage._FAILED_SECONDS", 30)

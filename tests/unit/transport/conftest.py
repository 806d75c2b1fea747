from collections.abc import Iterator
from contextlib import closing

import pytest

from tenant_llm.transport.http import HttpTransport
from tenant_llm.transport.retry import Retry
from tests.support.transport import OPEN


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def transport(waits: list[float]) -> Iterator[HttpTransport]:
    with closing(HttpTransport(OPEN, Retry(3, sleep=waits.append, jitter=lambda: 1.0))) as transport:
        yield transport

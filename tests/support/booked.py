"""What is booked, seen as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Any

import pytest

from tenant_llm import bootstrap
from tenant_llm.domain.settlement import Settlement


@contextmanager
def settlements() -> Iterator[Queue[Settlement]]:
    """Every settlement within the block, once it is stored."""
    seen: Queue[Settlement] = Queue()
    repository = bootstrap.usage_repository()
    settle = repository.settle

    def noted(settlement: Settlement, **options: Any) -> Any:
        outcome = settle(settlement, **options)
        seen.put(settlement)
        return outcome

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "settle", noted)
        yield seen

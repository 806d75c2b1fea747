"""The event files under ``events/``."""

from json import loads
from pathlib import Path

from tenant_llm.domain.wire import JsonObject

FOLDER = Path(__file__).parents[2] / "events"


def load_event(name: str) -> JsonObject:
    """A fresh copy of one, for example ``http/chat_completions``."""
    event: JsonObject = loads((FOLDER / f"{name}.json").read_text())
    return event

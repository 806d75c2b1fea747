"""The module satisfies the protocol, which the type checker judges, and the loader finds it."""

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import Speech2TextDialect
from tenant_llm.dialects.deepgram import speech2text

SPEECH2TEXT: Speech2TextDialect = speech2text


def test_the_family_is_found_by_its_name() -> None:
    assert load.speech2text("deepgram") is SPEECH2TEXT

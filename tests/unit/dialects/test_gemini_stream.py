"""Usage of streams beyond the golden pairs."""

from tenant_llm.dialects.gemini.stream import StreamReader
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json


def _usages(*reports: Json) -> list[Usage]:
    reader = StreamReader()
    deltas = [delta for report in reports for delta in reader.read({"usageMetadata": report})]
    return [delta.usage for delta in deltas if delta.usage is not None]


def test_counts_without_the_prompts_do_not_replace_counts_with_them() -> None:
    assert _usages({"promptTokenCount": 4, "candidatesTokenCount": 1}, {"candidatesTokenCount": 9}) == [Usage(4, 1)]


def test_counts_with_the_prompts_replace_those_without() -> None:
    partial, whole = {"candidatesTokenCount": 1}, {"promptTokenCount": 4, "candidatesTokenCount": 9}

    assert _usages(partial, whole) == [Usage(0, 1, estimated=True), Usage(4, 9)]

"""Every golden answer of speech, streamed: it comes to the same as the whole one, however its bytes are cut."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.wav import open_head, wav
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.tts import SpeechDelta, SpeechResult
from tenant_llm.domain.wire import WireResponse
from tests.support.wire import Case, case_paths, load_case

_HEAD = len(open_head(24000))
_CASES = [path for path in case_paths("result", "error") if path.parts[-2] == "tts"]
_ANSWERED = [path for path in _CASES if (answer := load_case(path).response) is not None and answer.status == 200]
_EVENTS = [path for path in _CASES if load_case(path).events is not None]


def _id(path: Path) -> str:
    return f"{path.parts[-3]}/{path.stem}"


def _folded(deltas: Iterable[SpeechDelta]) -> SpeechResult:
    heard = list(deltas)
    told = [delta.usage for delta in heard if delta.usage is not None]
    (content_type,) = {delta.content_type for delta in heard}
    assert heard[0].audio
    return SpeechResult(b"".join(delta.audio for delta in heard), content_type, told[-1] if told else None)


def _samples(result: SpeechResult) -> SpeechResult:
    """The result with the head of a WAV file left out, which cannot tell yet how much follows when it is streamed."""
    return replace(result, audio=result.audio[_HEAD:]) if result.audio.startswith(b"RIFF") else result


def _chunks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def _compare(case: Case, deltas: Iterable[SpeechDelta]) -> None:
    if case.error is None:
        assert _samples(_folded(deltas)) == _samples(case.result)
        return
    with pytest.raises(TenantLLMError) as caught:
        list(deltas)
    assert type(caught.value).__name__ == case.error.class_name
    assert case.error.message in caught.value.message


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("path", _ANSWERED, ids=_id)
def test_an_answer_in_chunks_comes_to_the_same(path: Path, size: int) -> None:
    case = load_case(path)
    module: Any = load.tts(case.family)
    assert case.response is not None
    head = WireResponse(200, b"", case.response.headers)

    _compare(case, module.parse_chunks(head, _chunks(case.response.content, size), case.request, case.target))


@pytest.mark.parametrize("path", _EVENTS, ids=_id)
def test_messages_come_to_the_same_one_by_one(path: Path) -> None:
    case = load_case(path)
    module: Any = load.tts(case.family)

    _compare(case, module.parse_stream(iter(case.events or ()), case.request, case.target))


def test_a_head_that_leaves_the_number_of_samples_open_is_otherwise_the_usual_one() -> None:
    head, usual = open_head(16000), wav(b"", 16000)

    assert (head[4:8], head[-4:]) == (b"\xff" * 4, b"\xff" * 4)
    assert (head[:4], head[8:-4]) == (usual[:4], usual[8:-4])

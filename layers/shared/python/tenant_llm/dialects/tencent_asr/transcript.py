"""What was said and when: https://cloud.tencent.com/document/api/1093/37824#TaskStatus."""

import re
from collections.abc import Mapping

from tenant_llm.dialects.answers import a_count, a_text, objects
from tenant_llm.domain.wire import Json, JsonObject

_TIME = r"(\d{1,6}(?::\d{1,6})+(?:\.\d{1,6})?)"
_LINE = re.compile(rf"\[{_TIME},{_TIME}(?:,(\d{{1,6}}))?\]\s*")
"""Beginning and end of a sentence as ``minutes:seconds``, and its speaker where several were told apart."""
_MILLISECONDS, _SECONDS = 1000, 60


def text_of(result: str) -> str:
    """The words alone, a line a sentence: the times before each are no part of what was said."""
    lines = (line[found.end() :] if (found := _LINE.match(line)) else line for line in result.splitlines())
    return "\n".join(line.strip() for line in lines if line.strip())


def details_of(job: Mapping[str, Json]) -> JsonObject:
    """Sentences, and words where they were asked for, with their times in seconds as OpenAI has them."""
    sentences = objects(job.get("ResultDetail") or [])
    segments = [_segment(sentence) for sentence in sentences] or _told(a_text(job.get("Result")))
    words = [_word(word, sentence) for sentence in sentences for word in objects(sentence.get("Words") or [])]
    return {name: found for name, found in (("segments", segments), ("words", words)) if found}


def _segment(sentence: JsonObject) -> JsonObject:
    start, end = _seconds(sentence.get("StartMs")), _seconds(sentence.get("EndMs"))
    speaker = a_count(sentence.get("SpeakerId"))
    told = {"start": start, "end": end, "text": a_text(sentence.get("FinalSentence"))}
    return told if speaker is None else told | {"speaker": speaker}


def _word(word: JsonObject, sentence: JsonObject) -> JsonObject:
    """A word, whose times are told from the beginning of its sentence."""
    start = a_count(sentence.get("StartMs")) or 0
    first, last = (start + (a_count(word.get(f"Offset{edge}Ms")) or 0) for edge in ("Start", "End"))
    return {"word": a_text(word.get("Word")), "start": _seconds(first), "end": _seconds(last)}


def _told(result: str) -> list[JsonObject]:
    """The sentences of an answer that has its times only in the text."""
    segments: list[JsonObject] = []
    for line in result.splitlines():
        if found := _LINE.match(line):
            start, end, speaker = found.groups()
            told = {"start": _clock(start), "end": _clock(end), "text": line[found.end() :].strip()}
            segments.append(told if speaker is None else told | {"speaker": int(speaker)})
    return segments


def _seconds(milliseconds: Json) -> float:
    return (a_count(milliseconds) or 0) / _MILLISECONDS


def _clock(text: str) -> float:
    """``1:02.500`` in seconds."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * _SECONDS + float(part)
    return round(seconds, 3)

"""The module satisfies the protocols, which the type checker judges; the loader finds it; what no golden case holds."""

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.contract import JobDialect, Speech2TextDialect
from tenant_llm.dialects.tencent_asr import speech2text
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.speech2text import TranscriptionRequest
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import File, WireResponse

SPEECH2TEXT: Speech2TextDialect = speech2text
JOB: JobDialect[TranscriptionRequest] = speech2text
TARGET = Target(
    ModelConfig("t", "16k_zh", "F", ModelType.SPEECH2TEXT, "tencent_asr", "https://asr.example", "16k_zh"), Credential()
)


ASKED = TranscriptionRequest(File("a.wav", b"0"))


def test_the_family_is_found_by_its_name() -> None:
    assert load.speech2text("tencent_asr") is SPEECH2TEXT


def test_a_job_cannot_be_stopped() -> None:
    assert JOB.cancel(WireResponse(200, b'{"Response": {"Data": {"TaskId": 1}}}'), TARGET) is None


@pytest.mark.parametrize("task", [b"true", b'"1"', b"null", b"1.5"])
def test_what_is_no_number_of_a_job_is_not_asked_for(task: bytes) -> None:
    answer = WireResponse(200, b'{"Response": {"Data": {"TaskId": %s}}}' % task)

    assert JOB.follow_up(answer, ASKED, TARGET) is None


@pytest.mark.parametrize("content", [b"<html>", b""])
def test_an_answer_that_is_no_json_is_not_followed(content: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        JOB.follow_up(WireResponse(200, content), ASKED, TARGET)

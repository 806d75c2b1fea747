"""Where a prediction goes on: https://replicate.com/docs/reference/http#predictions.get."""

import json

import pytest

from tenant_llm.dialects.replicate.prediction import cancel, follow_up
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Json, WireRequest, WireResponse

_BASE = "https://api.replicate.com/v1"
_QUIRKS = Quirks(headers={"x-team": "a"})
_CONFIG = ModelConfig("acme", "o/n", "F", ModelType.CHAT, "replicate", _BASE, "o/n", quirks=_QUIRKS)
_TARGET = Target(_CONFIG, Credential({"api_key": "key"}))
_STREAM = "https://stream.replicate.com/v1/files/abc"
_WHOLE, _STREAMED = ChatRequest([]), ChatRequest([], stream=True)


def answer(status: Json, **fields: Json) -> WireResponse:
    return WireResponse(201, json.dumps({"id": "p/1", "status": status, **fields}).encode())


@pytest.mark.parametrize("status", ["starting", "processing"])
@pytest.mark.parametrize("request_", [_WHOLE, _STREAMED, EmbeddingRequest(["a"])], ids=["chat", "stream", "embedding"])
def test_a_running_prediction_is_asked_for_at_the_base_url(status: str, request_: object) -> None:
    elsewhere = {"get": "https://elsewhere.example/p"}

    wire = follow_up(answer(status, urls=elsewhere), request_, _TARGET)

    assert wire == WireRequest(f"{_BASE}/predictions/p%2F1", "GET", {"x-team": "a"})


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled", "aborted", None])
def test_a_prediction_that_has_ended_is_the_answer(status: str | None) -> None:
    assert follow_up(answer(status, urls={"stream": _STREAM}), _STREAMED, _TARGET) is None
    assert cancel(answer(status), _TARGET) is None


def test_a_stream_is_taken_where_one_is_wanted_and_there() -> None:
    running = answer("starting", urls={"stream": _STREAM})

    streamed, whole = follow_up(running, _STREAMED, _TARGET), follow_up(running, _WHOLE, _TARGET)

    assert streamed == WireRequest(_STREAM, "GET", {"x-team": "a", "accept": "text/event-stream"}, framing="sse")
    assert whole is not None
    assert whole.framing is None


def test_a_running_prediction_can_be_cancelled() -> None:
    wire = cancel(answer("processing"), _TARGET)

    assert wire == WireRequest(f"{_BASE}/predictions/p%2F1/cancel", "POST", {"x-team": "a"})


def test_a_prediction_without_an_id_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="no id"):
        follow_up(WireResponse(201, b'{"status": "starting"}'), _WHOLE, _TARGET)

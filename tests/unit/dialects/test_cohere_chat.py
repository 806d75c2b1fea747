"""Chat of the second version beyond the golden pairs: malformed streams and answers."""

from importlib import import_module

import pytest

from tenant_llm.dialects import load
from tenant_llm.dialects.cohere import chat, speech2text
from tenant_llm.dialects.contract import ChatDialect, Speech2TextDialect
from tenant_llm.dialects.errors import provider_error
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import (
    ContentFiltered,
    InvalidRequest,
    MalformedAnswer,
    ProviderUnavailable,
    RateLimited,
)
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import ServerEvent, WireResponse

CHAT: ChatDialect = chat
SPEECH2TEXT: Speech2TextDialect = speech2text
TARGET = Target(ModelConfig("t", "m", "F", ModelType.CHAT, "cohere", "https://a.example", "m"), Credential())


def test_the_family_is_found_by_its_name() -> None:
    assert load.chat("cohere") is CHAT
    assert load.speech2text("cohere") is SPEECH2TEXT


@pytest.mark.parametrize("data", ["{", "[1]", '"text"'])
def test_an_event_that_is_no_json_object_is_malformed(data: str) -> None:
    events = [ServerEvent(data)]

    with pytest.raises(MalformedAnswer, match="an event of the provider's stream"):
        list(chat.parse_stream(events, TARGET))


@pytest.mark.parametrize("content", [b"[]", b"null", b'{"message": "text"}', b'{"message": null}'])
def test_an_answer_without_a_message_is_malformed(content: bytes) -> None:
    response = WireResponse(200, content)

    with pytest.raises(MalformedAnswer, match="no message"):
        chat.parse(response, ChatRequest([]), TARGET)


def test_blank_events_are_passed_over() -> None:
    end = '{"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}'
    events = [ServerEvent(" "), ServerEvent(end)]

    (delta,) = chat.parse_stream(events, TARGET)

    assert delta.finish_reason == "stop"


def test_an_image_as_the_result_of_a_tool_is_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    request = ChatRequest([{"role": "tool", "tool_call_id": "a", "content": [part]}])

    with pytest.raises(InvalidRequest) as caught:
        chat.render(request, TARGET)

    assert caught.value.param == "messages[0].content[0]"


@pytest.mark.parametrize("model_type", ["chat", "embedding", "rerank", "speech2text"])
def test_every_type_tells_a_denied_word_from_a_lack_of_capacity(model_type: str) -> None:
    module = import_module(f"tenant_llm.dialects.cohere.{model_type}")

    assert type(provider_error(498, {"message": "no"}, {}, module.parse_error)) is ContentFiltered
    assert type(provider_error(498, {"message": "no"}, {})) is ProviderUnavailable
    assert type(provider_error(429, {"message": "no"}, {}, module.parse_error)) is RateLimited

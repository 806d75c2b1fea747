"""OpenAI's official client against the local server."""

import json
from base64 import b64decode, b64encode
from typing import Any

import openai
import pytest
from httpx import Response
from openai import DefaultHttpxClient, OpenAI

from tenant_llm import bootstrap
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.model_type import ModelType
from tests.e2e.conftest import Shop
from tests.support.provider import Gate, ProviderServer

_USAGE = {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}
_NO_BYTES = pytest.mark.not_on_stack("the emulator passes audio on in base64")
_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def completion(message: dict[str, Any], finish_reason: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": _USAGE}


def test_a_chat_by_the_tenants_default(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    provider.reply(completion({"content": "Hello!", "reasoning_content": "Greet."}))

    answer = client.chat.completions.create(
        model="my-chat", messages=[{"role": "user", "content": "Hi"}], temperature=0.2, extra_body={"top_k": 5}
    )

    assert answer.choices[0].message.content == "Hello!"
    assert answer.choices[0].message.reasoning_content == "Greet."  # type: ignore[attr-defined]
    assert answer.model == "my-chat@OpenAI-API-Compatible"
    assert answer.usage is not None
    assert (answer.usage.total_tokens, shop.used(ModelType.CHAT)) == (11, 11)
    sent = provider.requests[0].json
    assert (sent["model"], sent["temperature"], sent["top_k"]) == ("my-chat", 0.2, 5)


def test_tools_are_called_and_answered(client: OpenAI, provider: ProviderServer) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    provider.reply(completion({"content": None, "tool_calls": [call]}, "tool_calls"))
    provider.reply(completion({"content": "It rains."}))
    messages: list[Any] = [{"role": "user", "content": "Weather in Oslo?"}]

    first = client.chat.completions.create(model="my-chat", messages=messages, tools=[_TOOL], tool_choice="auto")
    asked = first.choices[0].message
    messages += [asked, {"role": "tool", "tool_call_id": "call_1", "content": "rain"}]
    second = client.chat.completions.create(model="my-chat", messages=messages, tools=[_TOOL])

    assert first.choices[0].finish_reason == "tool_calls"
    assert asked.tool_calls is not None
    assert asked.content is None
    assert json.loads(asked.tool_calls[0].function.arguments) == {"city": "Oslo"}  # type: ignore[union-attr]
    assert second.choices[0].message.content == "It rains."
    sent = provider.requests[1].json
    assert sent["tools"] == [_TOOL]
    assert sent["messages"][1]["tool_calls"][0]["id"] == "call_1"
    assert sent["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "rain"}


def test_an_image_travels_in_a_message(client: OpenAI, provider: ProviderServer) -> None:
    provider.reply(completion({"content": "A cat."}))
    url = f"data:image/png;base64,{b64encode(b'png').decode()}"
    content: list[Any] = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]

    answer = client.chat.completions.create(model="my-image2text", messages=[{"role": "user", "content": content}])

    assert answer.choices[0].message.content == "A cat."
    assert provider.requests[0].json["messages"][0]["content"] == content


def test_structured_output_is_parsed_by_the_client(client: OpenAI, provider: ProviderServer) -> None:
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    provider.reply(completion({"content": '{"name": "Oslo"}'}))

    answer = client.chat.completions.parse(
        model="my-chat", messages=[{"role": "user", "content": "A city"}], response_format=City
    )

    assert answer.choices[0].message.parsed == City(name="Oslo")
    assert provider.requests[0].json["response_format"]["json_schema"]["name"] == "City"


def test_a_stream_of_chunks_with_usage(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    def chunk(**fields: Any) -> bytes:
        return f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'created': 1} | fields)}\n\n".encode()

    provider.stream(
        chunk(choices=[{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]),
        chunk(choices=[{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]),
        chunk(choices=[], usage=_USAGE),
        b"data: [DONE]\n\n",
    )

    chunks = list(
        client.chat.completions.create(
            model="my-chat",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].usage is not None
    assert (text, chunks[-1].usage.total_tokens, shop.used(ModelType.CHAT)) == ("Hello", 11, 11)


@pytest.mark.parametrize("encoding_format", [openai.omit, "float", "base64"])
def test_embeddings_in_either_encoding(
    client: OpenAI, shop: Shop, provider: ProviderServer, encoding_format: Any
) -> None:
    data = [{"index": 1, "embedding": [0.5, -1.0]}, {"index": 0, "embedding": [1.0, 0.25]}]
    provider.reply({"object": "list", "data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}})

    answer = client.embeddings.create(model="my-embedding", input=["a", "b"], encoding_format=encoding_format)

    vectors: list[Any] = [item.embedding for item in answer.data]
    if encoding_format != "base64":
        assert vectors == [[1.0, 0.25], [0.5, -1.0]]
    else:
        assert vectors == ["AACAPwAAgD4=", "AAAAPwAAgL8="]  # little-endian float32
    assert (answer.usage.total_tokens, shop.used(ModelType.EMBEDDING)) == (4, 4)


def test_a_transcription_from_a_file(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    usage = {"type": "tokens", "input_tokens": 6, "output_tokens": 2, "total_tokens": 8}
    provider.reply({"text": "Hello world.", "usage": usage})

    answer = client.audio.transcriptions.create(
        model="my-speech2text", file=("hello.wav", b"RIFF....WAVE", "audio/wav"), language="en"
    )

    assert (answer.text, shop.used(ModelType.SPEECH2TEXT)) == ("Hello world.", 8)
    body = provider.requests[0].body
    assert b'filename="hello.wav"' in body
    assert b"RIFF....WAVE" in body


@_NO_BYTES
def test_speech_is_the_providers_bytes(client: OpenAI, provider: ProviderServer) -> None:
    audio = bytes(range(256)) * 8
    provider.reply(content=audio, headers={"content-type": "audio/mpeg"})

    answer = client.audio.speech.create(model="my-tts", voice="alloy", input="Hello")

    assert answer.read() == audio
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert provider.requests[0].json["voice"] == "alloy"


@_NO_BYTES
def test_speech_is_heard_while_the_provider_still_speaks(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    gate = Gate()
    provider.stream(b"ID3first", gate, b"second", content_type="audio/mpeg")
    speech = client.audio.speech.with_streaming_response

    with speech.create(model="my-tts", voice="alloy", input="Hello") as answer:
        pieces = answer.iter_bytes()
        first = next(pieces)
        gate.open()
        rest = b"".join(pieces)

    assert (first, rest, answer.headers["content-type"]) == (b"ID3first", b"second", "audio/mpeg")
    assert shop.used(ModelType.TTS) == 2


def test_speech_in_events_tells_its_usage(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    provider.stream(b"ID3", content_type="audio/mpeg")
    speech = client.audio.speech.with_streaming_response

    with speech.create(model="my-tts", voice="alloy", input="Hello", stream_format="sse") as answer:
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: {")]

    assert [event["type"] for event in events] == ["speech.audio.delta", "speech.audio.done"]
    assert b64decode(events[0]["audio"]) == b"ID3"
    assert events[1]["usage"]["total_tokens"] == shop.used(ModelType.TTS) == 2
    assert "stream_format" not in provider.requests[0].json


def test_a_transcript_is_read_while_the_provider_still_writes(
    client: OpenAI, shop: Shop, provider: ProviderServer
) -> None:
    def event(**fields: Any) -> bytes:
        return f"data: {json.dumps(fields)}\n\n".encode()

    gate = Gate()
    usage = {"type": "tokens", "input_tokens": 6, "output_tokens": 2, "total_tokens": 8}
    provider.stream(
        event(type="transcript.text.delta", delta="Hello"),
        gate,
        event(type="transcript.text.delta", delta=" world."),
        event(type="transcript.text.done", text="Hello world.", usage=usage),
    )

    stream = client.audio.transcriptions.create(model="my-speech2text", file=("a.wav", b"RIFF"), stream=True)
    first: Any = next(iter(stream))
    gate.open()
    rest = list(stream)

    assert (first.type, first.delta) == ("transcript.text.delta", "Hello")
    assert [event.type for event in rest] == ["transcript.text.delta", "transcript.text.done"]
    done: Any = rest[-1]
    assert (done.text, done.usage.total_tokens, shop.used(ModelType.SPEECH2TEXT)) == ("Hello world.", 8, 8)


def test_models_are_listed_and_fetched(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]

    one = client.models.retrieve("my-chat@OpenAI-API-Compatible")

    assert ids == sorted(f"my-{model_type}@OpenAI-API-Compatible" for model_type in ModelType)
    assert (one.id, one.owned_by) == ("my-chat@OpenAI-API-Compatible", "OpenAI-API-Compatible")


def test_errors_are_the_clients_own_classes(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    hello: list[Any] = [{"role": "user", "content": "Hi"}]
    provider.reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "300"})

    with pytest.raises(openai.NotFoundError, match=r"Model\(gpt-9@OpenAI\) not authorized"):
        client.chat.completions.create(model="gpt-9@OpenAI", messages=hello)
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model="my-chat", messages=[])
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="tllm_wrong").models.list()
    with pytest.raises(openai.RateLimitError, match="slow down") as caught:
        client.chat.completions.create(model="my-chat", messages=hello)

    assert caught.value.response.headers["retry-after"] == "300"
    assert shop.used(ModelType.CHAT) == 0


def test_one_idempotency_key_is_counted_once(client: OpenAI, shop: Shop, provider: ProviderServer) -> None:
    provider.reply(completion({"content": "Hello!"}))

    for _ in range(3):
        client.chat.completions.create(
            model="my-chat",
            messages=[{"role": "user", "content": "Hi"}],
            extra_headers={"Idempotency-Key": "order-17"},
        )

    assert (shop.used(ModelType.CHAT), len(provider.requests)) == (11, 3)


def test_a_full_budget_is_openais_insufficient_quota_and_its_client_does_not_repeat_the_call(
    shop: Shop, provider: ProviderServer
) -> None:
    provider.reply(completion({"content": "Hello!"}))
    bootstrap.tenant_models_service().set_budgets(shop.tenant_id, [Budget("day", hard=110)])
    refused: list[Response] = []
    http_client = DefaultHttpxClient(event_hooks={"response": [refused.append]})
    with OpenAI(base_url=f"{shop.url}/v1", api_key=shop.token, max_retries=2, http_client=http_client) as client:

        def ask() -> Any:
            messages: Any = [{"role": "user", "content": "Hi"}]
            return client.chat.completions.create(model="my-chat", messages=messages, max_tokens=100)

        ask()
        with pytest.raises(openai.RateLimitError) as error:
            ask()

    assert (error.value.status_code, error.value.code, error.value.type) == (429, *["insufficient_quota"] * 2)
    assert "it renews at" in error.value.message
    assert 0 < int(error.value.response.headers["retry-after"]) <= 86_400
    assert [response.status_code for response in refused] == [200, 429]
    assert len(provider.requests) == 1

"""Caps of providers: what is split and put together, and what is refused before anybody is dialled or billed."""

import json
import wave
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from io import BytesIO
from typing import Any

import pytest

from tenant_llm import LLM4Tenant, bootstrap
from tenant_llm.catalogue import load as catalogue
from tenant_llm.domain.errors import InvalidRequest, PayloadTooLarge
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.wire import JsonObject
from tests.support.aws import Aws, add_tenant, recorded
from tests.support.events import load_event as load
from tests.support.functions import directly, over_http, with_body
from tests.support.provider import ProviderServer, provider_server

_LINK = "https://example.com/cat.png"
_EVENTS = {
    ModelType.CHAT: ("chat", "http/chat_completions"),
    ModelType.EMBEDDING: ("embedding", "http/embeddings"),
    ModelType.RERANK: ("rerank", "http/rerank"),
    ModelType.TTS: ("tts", "http/speech"),
    ModelType.IMAGE2TEXT: ("image2text", "http/image2text"),
    ModelType.SPEECH2TEXT: ("speech2text", "http/transcriptions_url"),
}


@pytest.fixture(autouse=True)
def _one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches in order, so that the provider's planned answers meet their requests."""
    monkeypatch.setattr("tenant_llm.services.batches._CALLS_AT_ONCE", 1)


type Add = Callable[[str, ModelType], None]


@pytest.fixture
def add(bundle: Aws, provider: ProviderServer) -> Add:
    def add(address: str, model_type: ModelType) -> None:
        add_tenant(bundle.settings, "tenant123", address, model_type, api_base=f"{provider.url}/v1")

    return add


def invoke(model_type: ModelType, **body: Any) -> Any:
    handler = import_module(f"functions.invoke_{_EVENTS[model_type][0]}.handler").handler
    return directly(handler, {"tenant_id": "tenant123", **body})


def mdl(model_type: ModelType) -> Any:
    return LLM4Tenant("tenant123", model_type.value).mdl


def settled(address: str, operations: list[tuple[str, JsonObject]]) -> tuple[int, int]:
    """How often something was booked, and how much it came to."""
    row = bootstrap.tenant_llm_repository().find("tenant123", address)
    assert row is not None
    return [name for name, _ in operations].count("TransactWriteItems"), row.used_tokens


def capped(monkeypatch: pytest.MonkeyPatch, factory: str, model_type: ModelType, quirks: Quirks) -> None:
    known = catalogue.provider(factory)
    assert known is not None
    small = replace(known, type_quirks={model_type: quirks}, profiles=())
    monkeypatch.setattr("tenant_llm.services.resolution.provider", lambda _: small)


def embedded(*values: float) -> JsonObject:
    data = [{"index": index, "embedding": [value]} for index, value in enumerate(values)]
    return {"data": data, "usage": {"prompt_tokens": 10 * len(values), "total_tokens": 10 * len(values)}}


def test_embeddings_are_split_by_their_tokens_put_in_order_and_settled_once(add: Add, provider: ProviderServer) -> None:
    add("mistral-embed@Mistral", ModelType.EMBEDDING)
    texts = ["a" * 9000, "b" * 7000, "c" * 20_000, "d"]
    for reply in (embedded(1, 2), embedded(3), embedded(4)):
        provider.reply(reply)

    with recorded() as operations:
        answer = invoke(ModelType.EMBEDDING, input=texts)

    assert [item["embedding"] for item in answer["data"]] == [[1], [2], [3], [4]]
    assert [[text[0] for text in request.json["input"]] for request in provider.requests] == [["a", "b"], ["c"], ["d"]]
    assert answer["usage"]["total_tokens"] == 40
    assert settled("mistral-embed@Mistral", operations) == (1, 40)


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_where_one_batch_fails_nothing_is_delivered_and_nothing_booked(
    add: Add, provider: ProviderServer, broken: int
) -> None:
    add("mistral-embed@Mistral", ModelType.EMBEDDING)
    for number in range(3):
        if number == broken:
            provider.reply({"message": "no"}, status=400)
        else:
            provider.reply(embedded(number))

    with recorded() as operations:
        answer = invoke(ModelType.EMBEDDING, input=["a" * 16_000, "b" * 16_000, "c" * 16_000])

    assert answer["error"]["code"] == "provider_rejected"
    assert settled("mistral-embed@Mistral", operations) == (0, 0)


def test_documents_are_split_ranked_over_all_batches_and_settled_once(add: Add, provider: ProviderServer) -> None:
    add("bge@HuggingFace", ModelType.RERANK)
    headers = {"content-type": "application/json", "x-total-tokens": "100"}
    first = [{"index": index, "score": index / 100} for index in range(32)]
    second = [{"index": 0, "score": 0.305}, {"index": 1, "score": -3}, {"index": 2, "score": -2}]
    for reply in (first, second):
        provider.reply(content=json.dumps(reply).encode(), headers=headers)

    with recorded() as operations:
        answer = invoke(ModelType.RERANK, query="q", documents=[f"d{number}" for number in range(35)])

    assert [request.json["texts"][0] for request in provider.requests] == ["d0", "d32"]
    order = [item["index"] for item in answer["results"]]
    assert order == [31, 32, *range(30, -1, -1), 34, 33]
    assert [item["relevance_score"] for item in answer["results"][-3:]] == [0, 0, 0]
    count, tokens = settled("bge@HuggingFace", operations)
    assert count == 1
    assert tokens == answer["usage"]["total_tokens"]


def test_top_n_is_of_all_batches(add: Add, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> None:
    capped(monkeypatch, "NovitaAI", ModelType.RERANK, Quirks(max_batch=1))
    add("bge@NovitaAI", ModelType.RERANK)
    for score in (0.2, 1, 0.9):
        provider.reply({"results": [{"index": 0, "relevance_score": score}], "usage": {"total_tokens": 5}})

    answer = invoke(ModelType.RERANK, query="q", documents=["a", "b", "c"], top_n=2)

    assert answer["results"] == [{"index": 1, "relevance_score": 1}, {"index": 2, "relevance_score": 0.9}]
    assert answer["usage"]["total_tokens"] == 15


def test_a_long_text_is_spoken_in_passages_and_the_audio_joined(add: Add, provider: ProviderServer) -> None:
    add("step-tts-mini@StepFun", ModelType.TTS)
    text = "A sentence of thirty letters. " * 50
    for part in (b"\xff\xfb1", b"\xff\xfb2"):
        provider.reply(content=part, headers={"content-type": "audio/mpeg"})

    with recorded() as operations:
        result = mdl(ModelType.TTS).tts(text)

    spoken = [request.json["input"] for request in provider.requests]
    assert result.audio == b"\xff\xfb1\xff\xfb2"
    assert " ".join(spoken) == text.strip()
    assert [len(part) <= 1000 for part in spoken] == [True, True]
    assert result.usage.native == {"characters": sum(map(len, spoken))}
    assert settled("step-tts-mini@StepFun", operations) == (1, result.usage.total_tokens)


def test_wav_is_joined_under_one_head_where_that_is_the_models_own_format(add: Add, provider: ProviderServer) -> None:
    add("qwen3-tts-flash@Tongyi-Qianwen", ModelType.TTS)
    for samples in (b"\x01\x02", b"\x03\x04"):
        event = {"output": {"audio": {"data": b64encode(samples).decode()}}, "usage": {"characters": 300}}
        provider.reply(content=f"data: {json.dumps(event)}\n\n".encode(), headers={"content-type": "text/event-stream"})

    with recorded() as operations:
        result = mdl(ModelType.TTS).tts("漢" * 150 + "。" + "字" * 150)

    with wave.open(BytesIO(result.audio)) as reader:
        assert reader.readframes(reader.getnframes()) == b"\x01\x02\x03\x04"
    spoken = [request.json["input"]["text"] for request in provider.requests]
    assert spoken == ["漢" * 150 + "。", "字" * 150]
    assert result.usage.native == {"characters": 600}
    assert settled("qwen3-tts-flash@Tongyi-Qianwen", operations) == (1, result.usage.total_tokens)


def test_passages_of_which_one_fails_are_not_booked(add: Add, provider: ProviderServer) -> None:
    add("step-tts-mini@StepFun", ModelType.TTS)
    provider.reply(content=b"\xff\xfb1", headers={"content-type": "audio/mpeg"})
    provider.reply({"error": {"message": "no"}}, status=400)

    with recorded() as operations:
        answer = invoke(ModelType.TTS, input="Word. " * 200)

    assert answer["error"]["code"] == "provider_rejected"
    assert settled("step-tts-mini@StepFun", operations) == (0, 0)


def test_passages_that_cannot_be_joined_are_not_delivered_and_not_booked(add: Add, provider: ProviderServer) -> None:
    add("step-tts-mini@StepFun", ModelType.TTS)
    provider.reply(content=b"OggS", headers={"content-type": "audio/ogg"})

    with recorded() as operations:
        answer = invoke(ModelType.TTS, input="Word. " * 200)

    assert answer["error"]["code"] == "malformed_provider_answer"
    assert settled("step-tts-mini@StepFun", operations) == (0, 0)


@pytest.mark.parametrize("format_", ["opus", "flac", "aac"])
def test_a_long_text_in_a_format_of_one_piece_is_refused_with_the_cap(
    add: Add, provider: ProviderServer, format_: str
) -> None:
    add("step-tts-mini@StepFun", ModelType.TTS)

    with recorded() as operations:
        answer = invoke(ModelType.TTS, input="w" * 1001, response_format=format_)

    error = answer["error"]
    assert (error["param"], error["code"]) == ("input", "invalid_request")
    assert "input has 1001 characters: this model speaks 1000 a call" in error["message"]
    assert format_ in error["message"]
    assert (provider.connections, settled("step-tts-mini@StepFun", operations)) == (0, (0, 0))


@pytest.mark.parametrize(("name", "audio"), [("a.wav", b"1234"), ("a", b"1234")])
def test_audio_over_the_cap_is_refused_with_it(
    add: Add, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, name: str, audio: bytes
) -> None:
    capped(monkeypatch, "OpenAI", ModelType.SPEECH2TEXT, Quirks(max_bytes=3))
    add("whisper-1@OpenAI", ModelType.SPEECH2TEXT)

    with recorded() as operations:
        answer = invoke(ModelType.SPEECH2TEXT, audio="MTIzNA==", filename=name)
        with pytest.raises(PayloadTooLarge, match="file has 4 bytes: this provider takes 3"):
            mdl(ModelType.SPEECH2TEXT).transcription(audio)

    error = answer["error"]
    assert (error["param"], error["code"]) == ("file", "payload_too_large")
    assert error["message"] == "file has 4 bytes: this provider takes 3"
    assert (provider.connections, settled("whisper-1@OpenAI", operations)) == (0, (0, 0))


@pytest.mark.parametrize(
    "told", [{"filename": "a.aac"}, {"content_type": "audio/aac"}, {"filename": "a.AAC", "content_type": "audio/mpeg"}]
)
def test_audio_of_another_format_is_refused_with_those_that_are_taken(
    add: Add, provider: ProviderServer, told: JsonObject
) -> None:
    add("whisper-1@OpenAI", ModelType.SPEECH2TEXT)

    answer = invoke(ModelType.SPEECH2TEXT, audio="MTIzNA==", **told)

    error = answer["error"]
    assert (error["param"], error["code"]) == ("file", "invalid_request")
    assert "is of the format 'aac': this provider takes flac, mp3, mp4," in error["message"]
    assert provider.connections == 0


@pytest.mark.parametrize("told", [{}, {"filename": "a.xyz"}, {"filename": "a.oga"}, {"content_type": "audio/x-wav"}])
def test_audio_that_may_be_taken_is_the_providers_to_judge(
    add: Add, provider: ProviderServer, told: JsonObject
) -> None:
    add("whisper-1@OpenAI", ModelType.SPEECH2TEXT)
    provider.reply({"text": "Hello."})

    answer = invoke(ModelType.SPEECH2TEXT, audio="MTIzNA==", **told)

    assert answer["text"] == "Hello."


@pytest.mark.parametrize(
    ("path", "quirks", "status"),
    [("/a.wav", Quirks(max_bytes=3), 413), ("/a.aac", Quirks(formats=("wav", "mp3")), 400)],
)
def test_audio_from_a_url_is_judged_before_the_provider_is_dialled(
    add: Add, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, path: str, quirks: Quirks, status: int
) -> None:
    capped(monkeypatch, "OpenAI", ModelType.SPEECH2TEXT, quirks)
    add("whisper-1@OpenAI", ModelType.SPEECH2TEXT)
    handler = import_module("functions.invoke_speech2text.handler").handler
    with provider_server() as store, recorded() as operations:
        store.reply(content=b"1234")
        event = with_body(load("http/transcriptions_url"), {"audio_url": f"{store.url}{path}?signature=s3cret"})

        told, answer = over_http(handler, event)

    assert (told, answer["error"]["param"]) == (status, "audio_url")
    assert "s3cret" not in json.dumps(answer)
    assert (provider.connections, settled("whisper-1@OpenAI", operations)) == (0, (0, 0))


@pytest.mark.parametrize(
    "address", ["qwen-vl@LM-Studio", "moonshot-v1-8k-vision-preview@Moonshot", "claude-sonnet-4-5@Google Cloud"]
)
def test_a_link_to_an_image_is_refused_where_only_bytes_are_taken(
    add: Add, provider: ProviderServer, address: str
) -> None:
    add(address, ModelType.IMAGE2TEXT)
    content = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": _LINK}}]

    with recorded() as operations:
        chat = invoke(ModelType.CHAT, model=address, messages=[{"role": "user", "content": content}])
        image = invoke(ModelType.IMAGE2TEXT, image=_LINK)
        with pytest.raises(InvalidRequest, match="image is an image by its URL") as caught:
            mdl(ModelType.IMAGE2TEXT).describe(_LINK)

    assert chat["error"]["param"] == "messages[0].content[1]"
    assert (image["error"]["param"], caught.value.param) == ("image", "image")
    assert all("data: URLs only" in answer["error"]["message"] for answer in (chat, image))
    assert (provider.connections, settled(address, operations)) == (0, (0, 0))


@pytest.mark.parametrize("image", ["data:image/png;base64,iVBORw0KGgo=", "ms://file-1"])
def test_bytes_and_uploaded_files_go_to_the_provider(add: Add, provider: ProviderServer, image: str) -> None:
    add("kimi-latest@Moonshot", ModelType.IMAGE2TEXT)
    provider.reply({"choices": [{"message": {"content": "A cat."}, "finish_reason": "stop"}]})

    content = [{"type": "image_url", "image_url": {"url": image}}]
    answer = invoke(ModelType.CHAT, model="kimi-latest@Moonshot", messages=[{"role": "user", "content": content}])

    assert answer["choices"][0]["message"]["content"] == "A cat."


@pytest.mark.parametrize("model", ["llava@Ollama", "claude-sonnet-4-5@Bedrock"])
def test_wires_of_their_own_name_the_image_too(bundle: Aws, provider: ProviderServer, model: str) -> None:
    add_tenant(bundle.settings, "tenant123", model, ModelType.IMAGE2TEXT, None, provider.url)
    credential = {"api_key": "key-0123456789", "bedrock_region": "us-east-1"}
    bootstrap.secret_store().put("tenant123", model.rpartition("@")[2], credential)

    answer = invoke(ModelType.IMAGE2TEXT, image=_LINK)

    assert (answer["error"]["param"], provider.connections) == ("image", 0)
    assert "data" in answer["error"]["message"]


_EMPTY = [
    (ModelType.CHAT, {"messages": []}, "messages"),
    (ModelType.EMBEDDING, {"input": []}, "input"),
    (ModelType.EMBEDDING, {"input": ""}, "input[0]"),
    (ModelType.EMBEDDING, {"input": ["a", ""]}, "input[1]"),
    (ModelType.EMBEDDING, {"input": [[1], []]}, "input[1]"),
    (ModelType.RERANK, {"query": "", "documents": ["a"]}, "query"),
    (ModelType.RERANK, {"query": "q", "documents": []}, "documents"),
    (ModelType.RERANK, {"query": "q", "documents": ["a", ""]}, "documents[1]"),
    (ModelType.RERANK, {"query": "q", "documents": [{"text": ""}]}, "documents[0]"),
    (ModelType.TTS, {"input": ""}, "input"),
    (ModelType.TTS, {"input": " \n"}, "input"),
    (ModelType.IMAGE2TEXT, {"image": ""}, "image"),
    (ModelType.IMAGE2TEXT, {"image": None}, "image"),
    (ModelType.IMAGE2TEXT, {"image": "data:image/png;base64,"}, "image"),
    (ModelType.IMAGE2TEXT, {"prompt": "What?"}, "image"),
    (ModelType.SPEECH2TEXT, {"audio": ""}, "audio"),
    (ModelType.SPEECH2TEXT, {}, "file"),
]
_MODELS = {
    ModelType.CHAT: "gpt-4@OpenAI",
    ModelType.EMBEDDING: "e@OpenAI",
    ModelType.RERANK: "bge@NovitaAI",
    ModelType.TTS: "tts-1@OpenAI",
    ModelType.IMAGE2TEXT: "gpt-4@OpenAI",
    ModelType.SPEECH2TEXT: "whisper-1@OpenAI",
}


@pytest.mark.parametrize(("model_type", "body", "param"), _EMPTY)
def test_what_is_empty_is_refused_by_its_field_whoever_asks(
    add: Add, provider: ProviderServer, model_type: ModelType, body: JsonObject, param: str
) -> None:
    add(_MODELS[model_type], model_type)
    name, event = _EVENTS[model_type]
    handler = import_module(f"functions.invoke_{name}.handler").handler

    with recorded() as operations:
        answer = invoke(model_type, **body)
        status, over = over_http(handler, with_body(load(event), body))

    assert answer["error"]["param"] == param
    assert answer["error"]["code"] == "invalid_request"
    assert (status, over["error"]["param"]) == (400, param)
    assert (provider.connections, settled(_MODELS[model_type], operations)) == (0, (0, 0))


@pytest.mark.parametrize(
    ("model_type", "call", "param"),
    [
        (ModelType.CHAT, lambda model: model.chat([]), "messages"),
        (ModelType.CHAT, lambda model: model.chat_stream([]), "messages"),
        (ModelType.EMBEDDING, lambda model: model.encode([]), "input"),
        (ModelType.EMBEDDING, lambda model: model.encode(["a", ""]), "input[1]"),
        (ModelType.EMBEDDING, lambda model: model.encode_queries(""), "input[0]"),
        (ModelType.RERANK, lambda model: model.similarity("", ["a"]), "query"),
        (ModelType.RERANK, lambda model: model.similarity("q", []), "documents"),
        (ModelType.RERANK, lambda model: model.similarity("q", ["a", ""]), "documents[1]"),
        (ModelType.TTS, lambda model: model.tts(""), "input"),
        (ModelType.IMAGE2TEXT, lambda model: model.describe(""), "image"),
        (ModelType.IMAGE2TEXT, lambda model: model.describe(b""), "image"),
        (ModelType.SPEECH2TEXT, lambda model: model.transcription(b""), "file"),
    ],
)
def test_what_is_empty_is_refused_in_python_too(
    add: Add, provider: ProviderServer, model_type: ModelType, call: Callable[[Any], object], param: str
) -> None:
    add(_MODELS[model_type], model_type)

    with recorded() as operations, pytest.raises(InvalidRequest) as caught:
        call(mdl(model_type))

    assert caught.value.param == param
    assert (provider.connections, settled(_MODELS[model_type], operations)) == (0, (0, 0))

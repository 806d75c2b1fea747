"""Audio that no call carries: functions, ledger, a provider, and the host where the caller keeps the audio."""

import json
from collections.abc import Iterator
from importlib import import_module
from random import Random
from typing import Any

import pytest

from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.http import read_form
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.functions import LambdaContext, directly, over_http, with_body
from tests.support.provider import ProviderServer, provider_server

_KEY = "sk-of-tenant123-0123456789"
_AUDIO = Random(7).randbytes(10 * 1024 * 1024)
_HEARD = {"text": "Hello.", "usage": {"type": "tokens", "input_tokens": 6, "output_tokens": 2, "total_tokens": 8}}
_SIGNATURE = "X-Amz-Credential=AKID%2F20261123&X-Amz-Signature=s3cret"


@pytest.fixture
def store() -> Iterator[ProviderServer]:
    """Where the caller keeps its audio."""
    with provider_server() as server:
        yield server


@pytest.fixture
def speech2text(bundle: Aws, provider: ProviderServer) -> Any:
    address, base = "whisper-1@OpenAI", f"{provider.url}/v1"
    add_tenant(bundle.settings, "tenant123", address, ModelType.SPEECH2TEXT, _KEY, base)
    return import_module("functions.invoke_speech2text.handler").handler


@pytest.fixture
def tts(bundle: Aws, provider: ProviderServer) -> Any:
    add_tenant(bundle.settings, "tenant123", "tts-1@OpenAI", ModelType.TTS, _KEY, f"{provider.url}/v1")
    return import_module("functions.invoke_tts.handler").handler


def _signed(store: ProviderServer, path: str) -> str:
    return f"{store.url}{path}?{_SIGNATURE}"


def _from(name: str, **fields: Any) -> JsonObject:
    """An event with other fields in its body, or of its own when it is direct."""
    event = load_event(name)
    if name.startswith("direct/"):
        return {**event, **fields}
    return with_body(event, {**json.loads(event["body"]), **fields})


def _called(handler: Any, event: JsonObject) -> tuple[int, Any]:
    return over_http(handler, event) if "httpMethod" in event else (0, directly(handler, event))


def _used(address: str) -> int:
    row = bootstrap.tenant_llm_repository().find("tenant123", address)
    assert row is not None
    return row.used_tokens


def _shown(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("event", ["http/transcriptions_url", "direct/invoke_speech2text_url"])
def test_ten_megabytes_are_transcribed_byte_for_byte(
    speech2text: Any, provider: ProviderServer, store: ProviderServer, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    store.reply(content=_AUDIO, headers={"content-type": "binary/octet-stream"})
    provider.reply(_HEARD)

    _, answer = _called(speech2text, _from(event, audio_url=_signed(store, "/calls/speech.wav")))

    assert (answer["text"], _used("whisper-1@OpenAI")) == ("Hello.", 8)
    (fetched,), (asked,) = store.requests, provider.requests
    file = read_form(asked.body, asked.headers["content-type"]).files["file"]
    assert (file.name, file.content_type) == ("speech.wav", "audio/wav")
    assert file.content == _AUDIO
    assert (fetched.method, fetched.raw_query) == ("GET", _SIGNATURE)
    assert _KEY not in str(fetched)
    assert "s3cret" not in _shown(caplog) + json.dumps(answer)
    assert b"s3cret" not in asked.body


@pytest.mark.parametrize("event", ["http/speech_url", "direct/invoke_tts_url"])
def test_ten_megabytes_of_speech_are_uploaded_byte_for_byte(
    tts: Any, provider: ProviderServer, store: ProviderServer, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    provider.reply(content=_AUDIO, headers={"content-type": "audio/mpeg"})
    store.reply(content=b"")

    _, answer = _called(tts, _from(event, output_url=_signed(store, "/out/a.mp3")))

    assert answer == {
        "output_url": f"{store.url}/out/a.mp3",
        "bytes": len(_AUDIO),
        "content_type": "audio/mpeg",
        "model": "tts-1@OpenAI",
        "usage": answer["usage"],
    }
    assert answer["usage"]["characters"] == 26
    assert answer["usage"]["total_tokens"] == _used("tts-1@OpenAI") > 0
    (uploaded,) = store.requests
    assert (uploaded.method, uploaded.path, uploaded.raw_query) == ("PUT", "/out/a.mp3", _SIGNATURE)
    assert uploaded.headers["content-type"] == "audio/mpeg"
    assert uploaded.body == _AUDIO
    assert _KEY not in str(uploaded.headers)
    assert "output_url" not in provider.requests[0].json
    assert "s3cret" not in _shown(caplog) + json.dumps(answer)


def test_audio_that_cannot_be_fetched_reaches_no_provider_and_no_account(
    speech2text: Any, provider: ProviderServer, store: ProviderServer
) -> None:
    store.reply(content=b"<SignatureProvided>s3cret</SignatureProvided>", status=403)

    status, answer = _called(speech2text, _from("http/transcriptions_url", audio_url=_signed(store, "/a.mp3")))

    assert (status, answer["error"]["param"], answer["error"]["code"]) == (400, "audio_url", "audio_host_failed")
    assert "answered with status 403" in answer["error"]["message"]
    assert "s3cret" not in json.dumps(answer)
    assert (provider.requests, _used("whisper-1@OpenAI")) == ([], 0)


@pytest.mark.parametrize(("refusal", "status"), [(403, 400), (501, 502)])
def test_speech_that_cannot_be_uploaded_is_counted_and_told_so(
    tts: Any, provider: ProviderServer, store: ProviderServer, refusal: int, status: int
) -> None:
    provider.reply(content=b"ID3", headers={"content-type": "audio/mpeg"})
    store.reply(content=b"s3cret", status=refusal)

    told, answer = _called(tts, _from("http/speech_url", output_url=_signed(store, "/a.mp3")))

    used = _used("tts-1@OpenAI")
    error = answer["error"]
    assert (told, error["param"], error["code"]) == (status, "output_url", "audio_host_failed")
    assert f"status {refusal}; the speech was made and is counted ({used} tokens)" in error["message"]
    assert used > 0
    assert "s3cret" not in json.dumps(answer)


def test_speech_is_settled_before_it_is_uploaded(tts: Any, provider: ProviderServer, store: ProviderServer) -> None:
    provider.reply(content=b"ID3", headers={"content-type": "audio/mpeg"})
    store.hang()

    event = _from("direct/invoke_tts_url", output_url=_signed(store, "/a.mp3"))
    answer = tts(event, LambdaContext(milliseconds=2000))

    assert answer["error"]["code"] == "deadline_exceeded"
    assert "the speech was made and is counted" in answer["error"]["message"]
    assert _used("tts-1@OpenAI") > 0


def test_a_provider_that_fails_leaves_nothing_to_upload(
    tts: Any, provider: ProviderServer, store: ProviderServer
) -> None:
    provider.reply({"error": {"message": "no"}}, status=400)

    _, answer = _called(tts, _from("http/speech_url", output_url=_signed(store, "/a.mp3")))

    assert answer["error"]["code"] == "provider_rejected"
    assert (store.requests, _used("tts-1@OpenAI")) == ([], 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_addresses_are_not_dialled_and_nothing_is_paid_for(
    speech2text: Any,
    provider: ProviderServer,
    store: ProviderServer,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    monkeypatch.delenv("ALLOW_PRIVATE_PROVIDERS")
    bootstrap.reset()
    url = _signed(store, "/a.mp3").replace("http", scheme, 1)

    _, answer = _called(speech2text, _from("http/transcriptions_url", audio_url=url))

    assert (answer["error"]["param"], answer["error"]["code"]) == ("audio_url", "url_refused")
    assert "s3cret" not in json.dumps(answer)
    assert (store.connections, provider.connections) == (0, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_speech_for_a_private_address_is_not_even_made(
    tts: Any, provider: ProviderServer, store: ProviderServer, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.delenv("ALLOW_PRIVATE_PROVIDERS")
    bootstrap.reset()
    url = _signed(store, "/a.mp3").replace("http", scheme, 1)

    _, answer = _called(tts, _from("http/speech_url", output_url=url))

    assert (answer["error"]["param"], answer["error"]["code"]) == ("output_url", "url_refused")
    assert (store.connections, provider.connections, _used("tts-1@OpenAI")) == (0, 0, 0)


def test_a_repeat_with_the_same_key_and_url_is_counted_once(
    tts: Any, provider: ProviderServer, store: ProviderServer
) -> None:
    provider.reply(content=b"ID3", headers={"content-type": "audio/mpeg"})
    store.reply(content=b"")
    event = _from("direct/invoke_tts_url", output_url=_signed(store, "/a.mp3"), request_id="one")

    first, used = _called(tts, event), _used("tts-1@OpenAI")
    again = _called(tts, event)

    assert (first, len(store.requests)) == (again, 2)
    assert _used("tts-1@OpenAI") == used

"""Large audio through the local server: by URL in, and by URL out."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tenant_llm.domain.model_type import ModelType
from tests.e2e.conftest import Shop
from tests.support.provider import ProviderServer, provider_server

_SECONDS = 30.0  # a stack may start a function first
_AUDIO = bytes(range(256)) * 32 * 1024  # 8 MB


@pytest.fixture
def store() -> Iterator[ProviderServer]:
    """Where the caller keeps its audio."""
    with provider_server() as server:
        yield server


@pytest.mark.parametrize("how", ["json", "form"])
def test_audio_is_transcribed_from_its_url(
    shop: Shop, provider: ProviderServer, store: ProviderServer, how: str
) -> None:
    store.reply(content=_AUDIO, headers={"content-type": "audio/mpeg"})
    provider.reply({"text": "Hello.", "usage": {"input_tokens": 6, "output_tokens": 2, "total_tokens": 8}})
    fields = {"model": "my-speech2text", "audio_url": f"{store.url}/in/a.mp3?sig=s3cret"}
    url = f"{shop.url}/v1/audio/transcriptions"

    if how == "json":
        answer = httpx.post(url, headers=shop.headers, json=fields, timeout=_SECONDS)
    else:
        parts = {name: (None, value) for name, value in fields.items()}
        answer = httpx.post(url, headers=shop.headers, files=parts, timeout=_SECONDS)

    assert (answer.status_code, answer.json()["text"]) == (200, "Hello.")
    assert shop.used(ModelType.SPEECH2TEXT) == 8
    assert _AUDIO in provider.requests[0].body
    assert store.requests[0].raw_query == "sig=s3cret"


def test_speech_is_uploaded_to_its_url(shop: Shop, provider: ProviderServer, store: ProviderServer) -> None:
    provider.reply(content=_AUDIO, headers={"content-type": "audio/mpeg"})
    store.reply(content=b"")
    body = {"model": "my-tts", "voice": "alloy", "input": "Hi", "output_url": f"{store.url}/out/a.mp3?sig=s3cret"}

    answer = httpx.post(f"{shop.url}/v1/audio/speech", headers=shop.headers, json=body, timeout=_SECONDS)

    told = answer.json()
    assert (answer.status_code, told["output_url"], told["bytes"]) == (200, f"{store.url}/out/a.mp3", len(_AUDIO))
    assert store.requests[0].body == _AUDIO
    assert shop.used(ModelType.TTS) == told["usage"]["total_tokens"] > 0
    assert "s3cret" not in json.dumps(told)


@pytest.mark.not_on_stack("nothing streams without the adapter")
def test_speech_larger_than_lambda_returns_at_once_is_streamed(shop: Shop, provider: ProviderServer) -> None:
    provider.reply(content=_AUDIO, headers={"content-type": "audio/mpeg"})

    answer = httpx.post(
        f"{shop.url}/v1/audio/speech", headers=shop.headers, json={"model": "my-tts", "voice": "alloy", "input": "Hi"}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert answer.content == _AUDIO

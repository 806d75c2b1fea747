"""Keys as the original stored them: taken letter for letter, and what goes out with a request then.

The original kept a key of several fields as a JSON object in the column of the key; who moves from there sends that
text.
"""

from base64 import b64encode
from collections.abc import Mapping
from json import dumps
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tenant_llm.catalogue.load import provider
from tenant_llm.dialects import load
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, Target
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.tts import SpeechRequest
from tenant_llm.domain.wire import WireResponse
from tenant_llm.services.registration import credential_fields, place_provider
from tenant_llm.services.resolution import _config
from tenant_llm.transport.auth import Means, bce, google, sign
from tests.support.transport import STRICT

PEM = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
KEY_FILE = dumps({"type": "service_account", "client_email": "bot@p.iam.gserviceaccount.com", "private_key": PEM})
GOOGLE = {"google_project_id": "p", "google_region": "us-central1"}
BEDROCK = {"bedrock_ak": "AKIDEXAMPLE", "bedrock_sk": "sk-hidden", "bedrock_region": "eu-west-1"}
SPARK = {"spark_app_id": "a", "spark_api_secret": "s", "spark_api_key": "k"}


def _stored(factory: str, api_key: str) -> dict[str, str]:
    row = provider(factory)
    assert row is not None
    return credential_fields(row, api_key)


def _sent(address: str, kind: ModelType, api_key: str, api_base: str | None = None) -> httpx.Request:
    """The request that goes out for a model with this key; a token that is asked for on the way is ``made``."""
    name, _, factory = address.rpartition("@")
    row = provider(factory)
    assert row is not None
    config = _config(TenantModel("acme", name, factory, kind, api_base=api_base), kind, row, stored=True)
    target = Target(config, Credential(_stored(factory, api_key)))
    wire = _render(target, kind)
    request = httpx.Request(wire.method, wire.url, headers=dict(wire.headers), params=dict(wire.query), json=wire.json)
    answer = dumps({"token": "made", "access_token": "made", "expires_in": 3600}).encode()
    sign(request, wire.auth, target, Means(lambda _: WireResponse(200, answer), Deadline.after(5), STRICT))
    return request


def _render(target: Target, kind: ModelType) -> Any:
    dialect = target.config.dialect
    match kind:
        case ModelType.EMBEDDING:
            return load.embedding(dialect).render(EmbeddingRequest(("a",)), target)
        case ModelType.TTS:
            return load.tts(dialect).render(SpeechRequest("a"), target)
        case _:
            return load.chat(dialect).render(ChatRequest(({"role": "user", "content": "Hi"},)), target)


@pytest.fixture(autouse=True)
def _no_tokens() -> None:
    google.tokens.cache_clear()
    bce.tokens.cache_clear()


CHAT, EMBEDDING, TTS = ModelType.CHAT, ModelType.EMBEDDING, ModelType.TTS


@pytest.mark.parametrize(
    ("address", "kind", "api_key", "header"),
    [
        ("ernie-4.5@BaiduYiyan", CHAT, '{"yiyan_ak": "ALTAK", "yiyan_sk": "s"}', "Bearer made"),
        ("bge-large-zh@BaiduYiyan", EMBEDDING, '{"yiyan_ak": "ALTAK", "yiyan_sk": "s"}', "Bearer made"),
        ("ernie-4.5@BaiduYiyan", CHAT, "bce-v3/ALTAK-1/2", "Bearer bce-v3/ALTAK-1/2"),
        ("ernie-4.5@BaiduYiyan", CHAT, '{"api_key": "bce-v3/ALTAK-1/2"}', "Bearer bce-v3/ALTAK-1/2"),
        ("hy3@Tencent Hunyuan", CHAT, "sk-1", "Bearer sk-1"),
        ("x1@XunFei Spark", CHAT, '{"spark_api_password": "pw"}', "Bearer pw"),
        ("x1@XunFei Spark", CHAT, dumps({"spark_api_password": "pw", **SPARK}), "Bearer pw"),
        ("x1@XunFei Spark", CHAT, "pw", "Bearer pw"),
        ("doubao@VolcEngine", CHAT, '{"ark_api_key": "ark", "endpoint_id": "ep-1"}', "Bearer ark"),
        ("doubao@VolcEngine", CHAT, '{"ark_api_key": "ark", "ep_id": "ep-1"}', "Bearer ark"),
        ("doubao@VolcEngine", CHAT, "ark", "Bearer ark"),
        ("MiniMax-M2@MiniMax", CHAT, '{"api_key": "sk-1", "group_id": "7"}', "Bearer sk-1"),
        ("MiniMax-M2@MiniMax", CHAT, "sk-1", "Bearer sk-1"),
        ("a/b@OpenRouter", CHAT, '{"api_key": "sk-or", "provider_order": "x,y"}', "Bearer sk-or"),
        ("a/b@OpenRouter", CHAT, '{"api_key": "sk-or", "provider_order": ""}', "Bearer sk-or"),
        ("speech-1@Fish Audio", TTS, '{"fish_audio_ak": "fa", "fish_audio_refid": "r"}', "Bearer fa"),
        ("speech-1@Fish Audio", TTS, '{"fish_audio_ak": "fa", "fish_audio_refid": ""}', "Bearer fa"),
        ("gemini@Google Cloud", CHAT, dumps({**GOOGLE, "google_service_account_key": KEY_FILE}), "Bearer made"),
        (
            "gemini@Google Cloud",
            CHAT,
            dumps({**GOOGLE, "google_service_account_key": b64encode(KEY_FILE.encode()).decode()}),
            "Bearer made",
        ),
        ("nova@Bedrock", CHAT, '{"bedrock_region": "eu-west-1", "api_key": "bedrock-1"}', "Bearer bedrock-1"),
        ("gpt-4o@OpenAI", CHAT, ' {"api_key": "sk-1"}\n', "Bearer sk-1"),
    ],
)  # fmt: skip
def test_a_stored_key_goes_out_as_its_provider_wants_it(
    address: str, kind: ModelType, api_key: str, header: str
) -> None:
    assert _sent(address, kind, api_key).headers["authorization"] == header


def test_a_gateways_key_goes_out_from_an_object_too() -> None:
    request = _sent("m@New API", CHAT, '{"api_key": "sk-1"}', "https://gateway.example.com")

    assert request.headers["authorization"] == "Bearer sk-1"


def test_azures_version_stands_with_its_key() -> None:
    api_key = '{"api_key": "az", "api_version": "2024-02-01"}'

    request = _sent("gpt-4o@Azure-OpenAI", CHAT, api_key, "https://acme.openai.azure.com")

    assert request.headers["api-key"] == "az"
    assert request.url.params["api-version"] == "2024-02-01"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    "api_key",
    [
        dumps(BEDROCK),
        dumps({**BEDROCK, "auth_mode": "access_key_secret", "aws_role_arn": ""}),
        dumps({**BEDROCK, "auth_mode": "access_key_secret", "aws_role_arn": "arn:aws:iam::111122223333:role/r"}),
        dumps({**BEDROCK, "auth_mode": "access_key_secret", "aws_external_id": "e", "role_session_name": "n"}),
    ],
)
def test_bedrocks_keys_sign_for_their_region(api_key: str) -> None:
    request = _sent("amazon.nova-pro-v1:0@Bedrock", CHAT, api_key)

    assert request.url.host == "bedrock-runtime.eu-west-1.amazonaws.com"
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/bedrock/aws4_request" in request.headers["authorization"]


def test_providers_that_stand_with_a_key_serve_the_call() -> None:
    request = _sent("a/b@OpenRouter", CHAT, '{"api_key": "sk-or", "provider_order": "x, y"}')

    assert b'"provider":{"order":["x","y"],"allow_fallbacks":false}' in request.read()


@pytest.mark.parametrize(
    ("factory", "fields"),
    [
        ("Tencent Cloud", {"tencent_cloud_sid": "AKID", "tencent_cloud_sk": "s"}),
        ("Tencent Hunyuan", {"hunyuan_sid": "AKID", "hunyuan_sk": "s"}),
        ("XunFei Spark", SPARK),
        ("XunFei Spark", {"spark_api_password": "pw", **SPARK}),
        ("Replicate", {"api_key": "r8_1"}),
        ("MiniMax", {"api_key": "sk-1", "group_id": "7"}),
        ("Bedrock", {"auth_mode": "iam_role", "bedrock_region": "eu-west-1", "aws_role_arn": "arn:aws:iam::1:role/r"}),
        ("langfuse", {"public_key": "pk-1", "secret_key": "sk-1"}),
    ],
)
def test_a_key_of_several_fields_is_stored_by_them(factory: str, fields: Mapping[str, str]) -> None:
    assert credential_fields(place_provider(factory), dumps(fields)) == fields
    assert credential_fields(place_provider(factory), fields) == fields


def test_what_is_empty_or_of_other_days_is_not_stored() -> None:
    old = {"api_key": "sk-1", "group_id": "", "is_tools": True, "llm_name": "x", "nested": {"a": [1]}}

    assert _stored("MiniMax", dumps(old)) == {"api_key": "sk-1"}
    assert _stored("MiniMax", '{"api_key": "sk-1", "group_id": null}') == {"api_key": "sk-1"}


@pytest.mark.parametrize(
    ("factory", "api_key", "param"),
    [
        ("BaiduYiyan", '{"yiyan_ak": "sk-hidden", "yiyan_sk": "sk-hid', "api_key"),
        ("BaiduYiyan", "{sk-hidden}", "api_key"),
        ("BaiduYiyan", '{"a":' * 5000, "api_key"),
        ("BaiduYiyan", '{"yiyan_ak": "sk-hidden"}', "api_key.yiyan_sk"),
        ("BaiduYiyan", '{"yiyan_sk": "sk-hidden", "yiyan_ak": " "}', "api_key.yiyan_ak"),
        ("BaiduYiyan", '{"key": "sk-hidden"}', "api_key"),
        ("BaiduYiyan", "{}", "api_key"),
        ("Tencent Hunyuan", '{"hunyuan_sid": "sk-hidden"}', "api_key.hunyuan_sk"),
        ("Tencent Cloud", '{"tencent_cloud_sid": "sk-hidden"}', "api_key.tencent_cloud_sk"),
        ("Tencent Cloud", "sk-hidden", "api_key"),
        ("XunFei Spark", '{"spark_app_id": "sk-hidden", "spark_api_key": "k"}', "api_key.spark_api_secret"),
        ("Fish Audio", '{"fish_audio_refid": "sk-hidden"}', "api_key.fish_audio_ak"),
        ("VolcEngine", '{"ark_api_key": ["sk-hidden"]}', "api_key.ark_api_key"),
        ("MiniMax", '{"api_key": "sk-hidden", "group_id": 77777}', "api_key.group_id"),
        ("Azure-OpenAI", '{"api_version": "2024-02-01"}', "api_key.api_key"),
        ("Azure-OpenAI", '{"api_key": {"api_key": "sk-hidden"}}', "api_key.api_key"),
        ("Bedrock", '{"bedrock_ak": "sk-hidden", "bedrock_sk": "sk-hidden"}', "api_key.bedrock_region"),
        ("Bedrock", '{"bedrock_ak": "sk-hidden", "bedrock_region": "eu-west-1"}', "api_key.bedrock_sk"),
        ("Bedrock", '{"auth_mode": "assume_role", "bedrock_region": "eu-west-1"}', "api_key"),
        ("Bedrock", "sk-hidden", "api_key.bedrock_region"),
        ("Google Cloud", dumps({**GOOGLE, "google_service_account_key": ""}), "api_key.google_service_account_key"),
        (
            "Google Cloud",
            dumps({**GOOGLE, "google_service_account_key": {"private_key": "sk-hidden"}}),
            "api_key.google_service_account_key",
        ),
        ("Google Cloud", KEY_FILE, "api_key.google_project_id"),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_by_field_and_unseen(factory: str, api_key: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        _stored(factory, api_key)

    assert caught.value.param == param
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert param.rpartition(".")[2] in shown
    assert not any(part in shown for part in ("sk-hid", "77777", PEM.splitlines()[1]))


def test_a_plain_key_is_taken_as_it_is_whatever_it_holds() -> None:
    for text in ("sk-{1}", "[1]", '"sk-1"', "a{b}"):
        assert _stored("OpenAI", text) == {"api_key": text}

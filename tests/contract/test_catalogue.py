"""Every row agrees with the schema, with the dialects that are there, and with the names that have to resolve."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from genai_prices.data import providers

from tenant_llm.catalogue import load
from tenant_llm.catalogue.schema import Provider
from tenant_llm.dialects import load as dialects
from tenant_llm.domain.audio import TYPES
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tools.provider_table import page

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "layers/shared/python/tenant_llm/catalogue/providers"
_MATRIX = Path(__file__).parent / "resolution_matrix.txt"

FACTORIES = """
01.AI|302.AI|Anthropic|Astraflow|Astraflow-CN|Avian|Azure-OpenAI|BAAI|BaiChuan|BaiduYiyan|Bedrock|Builtin|
Cohere|CometAPI|DeepInfra|DeepSeek|DeerAPI|FastEmbed|Fish Audio|FunASR|FuturMix|GPUStack|Gemini|GiteeAI|
Google Cloud|GreenPT|Groq|HuggingFace|Jiekou.AI|Jina|LM-Studio|LeptonAI|LocalAI|LongCat|MWS|MinerU|MiniMax|
Mistral|Mistral OCR|ModelScope|Moonshot|NVIDIA|New API|NovitaAI|Ollama|OpenAI|OpenAI-API-Compatible|
OpenDataLoader|OpenRouter|PPIO|PaddleOCR|PerfXCloud|Perplexity|RAGcon|Replicate|SILICONFLOW|SoMark|StepFun|
Tencent Cloud|Tencent Hunyuan|TogetherAI|TokenPony|Tongyi-Qianwen|Upstage|VLLM|VolcEngine|Voyage AI|Xiaomi|
Xinference|XunFei Spark|Youdao|ZHIPU-AI|aimlapi.com|n1n|siliconflow_intl|xAI
"""
_NAMES = sorted(name.strip() for name in FACTORIES.split("|"))
_ROWS = pytest.mark.parametrize("row", load.providers(), ids=lambda row: row.name)


def test_every_factory_of_the_original_has_a_row_and_no_row_is_of_nobody() -> None:
    assert sorted(row.name for row in load.providers()) == _NAMES
    assert len(_NAMES) == 76


@_ROWS
def test_a_row_is_found_by_its_exact_name_only(row: Provider) -> None:
    other = row.name.swapcase()

    assert load.provider(row.name) == row
    assert load.is_factory(row.name)
    assert not load.is_factory(other)
    assert (_FOLDER / f"{load.slug(row.name)}.toml").is_file()


@_ROWS
def test_a_row_says_where_its_facts_stand_and_since_when(row: Provider) -> None:
    assert row.docs.startswith("https://")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row.checked)
    assert row.status in ("live", "retired")


@_ROWS
def test_base_urls_are_https_and_end_without_a_slash(row: Provider) -> None:
    for url in filter(None, (row.base_url, *row.base_urls.values())):
        assert re.fullmatch(r"https://[a-z0-9.{}-]+(/[\w.-]+)*", url), url


@_ROWS
def test_a_type_is_offered_or_refused_and_its_models_are_of_offered_types(row: Provider) -> None:
    names = [model.name for model in row.models]

    assert not row.dialects.keys() & row.refused.keys()
    assert not row.type_quirks.keys() - row.dialects.keys()
    assert len(names) == len(set(names))
    for model in row.models:
        assert set(model.types) <= row.dialects.keys(), model
        assert model.name == model.name.strip()
        assert model.max_tokens is None or model.max_tokens > 0


@_ROWS
def test_images_go_over_the_chat_wire(row: Provider) -> None:
    sees = row.dialects.get(ModelType.IMAGE2TEXT)

    assert sees in (None, row.dialects.get(ModelType.CHAT))
    assert ModelType.IMAGE2TEXT not in row.type_quirks, "they would not be read: chat's are its own"
    assert row.quirks(ModelType.IMAGE2TEXT) == row.quirks(ModelType.CHAT)


_PRICES = {one.id: one for one in providers}


@_ROWS
def test_a_rows_prices_are_there_and_name_models_that_it_lists(row: Provider) -> None:
    if row.prices:
        names = [model.wire_name for model in row.models]
        known = [name for name in names if _PRICES[row.prices].find_model(name, all_providers=providers)]

        assert known or not names
    else:
        assert row.name.lower() not in _PRICES


@_ROWS
def test_a_rows_profiles_are_for_types_it_offers(row: Provider) -> None:
    for profile in row.profiles:
        assert profile.types
        assert profile.types <= row.dialects.keys(), profile.pattern


_CAPS = {
    "max_batch": {ModelType.EMBEDDING, ModelType.RERANK},
    "max_batch_tokens": {ModelType.EMBEDDING, ModelType.RERANK},
    "max_bytes": {ModelType.SPEECH2TEXT},
    "formats": {ModelType.SPEECH2TEXT},
    "max_characters": {ModelType.TTS},
    "max_text_bytes": {ModelType.TTS},
    "inline_images": {ModelType.CHAT, ModelType.IMAGE2TEXT},
}


@_ROWS
def test_a_rows_caps_stand_where_they_are_read(row: Provider) -> None:
    told = [(kind, row.quirks(kind)) for kind in row.dialects]
    told += [(kind, profile.quirks) for profile in row.profiles for kind in profile.types]

    for kind, quirks in told:
        assert {name for name in _CAPS if getattr(quirks, name)} <= {name for name in _CAPS if kind in _CAPS[name]}
        assert set(quirks.formats) <= TYPES.keys()


_WIRES = sorted({(family, kind) for row in load.providers() for kind, family in row.dialects.items()})


@pytest.mark.parametrize(("family", "model_type"), _WIRES)
def test_the_dialect_that_a_row_names_is_there(family: str, model_type: ModelType) -> None:
    find = getattr(dialects, (ModelType.CHAT if model_type is ModelType.IMAGE2TEXT else model_type).value)

    module = find(family)

    assert callable(module.render)
    assert callable(getattr(module, "parse", None) or module.parse_events)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"colour": "red"}, "unknown keys"),
        ({"quirks": {"colour": "red"}}, "unknown quirks"),
        ({"quirks": {"chat": {"colour": "red"}}}, "unknown quirks"),
        ({"dialects": {"poetry": "openai"}}, "poetry"),
        ({"models": [{"name": "m", "types": ["poetry"]}]}, "poetry"),
        ({"models": [{"name": "m"}]}, "'m'"),
        ({"models": [{"name": "m", "types": ["chat"], "colour": "red"}]}, "'m': unknown keys"),
        ({"profile": [{"pattern": "m", "types": ["chat"]}]}, "a profile has the keys"),
        ({"profile": [{"pattern": "m", "types": ["poetry"], "quirks": {}}]}, "poetry"),
    ],
)
def test_a_malformed_row_names_its_file_and_its_fault(row: dict[str, object], message: str) -> None:
    good = {"name": "X", "docs": "https://x", "checked": "2026-11-23", "dialects": {}}

    with pytest.raises(ValueError, match=message) as caught:
        load.decode(good | row, "x.toml")

    assert "x.toml" in str(caught.value)


def test_a_types_own_quirks_lie_over_the_common_ones() -> None:
    row = tomllib.loads('[quirks]\ndrop = ["a"]\npath = "one"\n[quirks.chat]\ndrop = ["b"]\npath = "two"')
    good = {"name": "X", "docs": "https://x", "checked": "2026-11-23", "dialects": {"chat": "openai"}}

    provider = load.decode(good | row, "x.toml")

    assert provider.quirks(ModelType.CHAT) == Quirks(drop=("a", "b"), path="two")
    assert provider.quirks(ModelType.TTS) == Quirks(drop=("a",), path="one")


def test_the_page_of_providers_is_fresh() -> None:
    written = (_ROOT / "docs/providers.md").read_text(encoding="utf-8")

    assert written == page(), "run: python tools/provider_table.py"


def matrix() -> str:
    """A line a pair: what a tenant's model of that factory and type resolves to; below it the row's profiles for it."""
    lines = []
    for row in sorted(load.providers(), key=lambda row: row.name):
        for kind, family in sorted(row.dialects.items()):
            base = row.base_urls.get(kind) or row.base_url or "tenant's"
            lines.append(f"{row.name} | {kind} | {family} | {base} | {_told(row.quirks(kind))}".rstrip(" |"))
            lines += [
                f"{row.name} | {kind} | {profile.pattern.pattern} | {_told(profile.quirks)}"
                for profile in row.profiles
                if kind in profile.types
            ]
    return "\n".join(lines) + "\n"


def _told(quirks: Quirks) -> str:
    told = {name: value for name in quirks.__slots__ if (value := getattr(quirks, name)) not in ((), {}, None)}
    return str(told or "")


def test_what_pairs_resolve_to_changes_only_on_purpose() -> None:
    assert _MATRIX.read_text(encoding="utf-8") == matrix(), "if that is meant: python -m tests.contract.test_catalogue"


@pytest.mark.parametrize(
    ("address", "types", "wire"),
    [
        ("gpt-5@OpenAI", "image2text chat", "gpt-5"),  # it sees, and is a chat model first: the last one counts
        ("qwen/qwen-2-vl-72b-instruct@PPIO", "image2text chat", "qwen/qwen-2-vl-72b-instruct"),
        ("deepseek-ocr@TokenPony", "image2text chat", "deepseek-ocr"),
        ("nvidia/rerank-qa-mistral-4b@NVIDIA", "rerank", "nvidia/rerank-qa-mistral-4b"),
        ("deepseek-chat@DeepSeek", "chat", "deepseek-chat"),
        ("Qwen3-Embedding-8B@SILICONFLOW", "embedding", "Qwen/Qwen3-Embedding-8B"),
        ("glm-asr@ZHIPU-AI", "speech2text", "glm-asr-2512"),
        ("voyage-multimodal-3@Voyage AI", "embedding", "voyage-multimodal-3"),
    ],
)
def test_a_models_types_and_name_are_the_providers_and_not_the_original_lists(
    address: str, types: str, wire: str
) -> None:
    name, _, factory = address.rpartition("@")
    row = load.provider(factory)
    assert row is not None
    model = row.model(name)
    assert model is not None

    assert [kind.value for kind in model.types] == types.split()
    assert model.wire_name == wire


def test_a_model_is_found_in_its_row() -> None:
    row = load.provider("OpenAI")
    assert row is not None

    assert row.model("gpt-4o") is not None
    assert replace(row, models=()).model("gpt-4o") is None


if __name__ == "__main__":
    _MATRIX.write_text(matrix(), encoding="utf-8")

"""What every dialect does alike."""

import pytest

from tenant_llm.dialects.body import apply_quirks, auth, endpoint, post_json, wire_model
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Bearer, HeaderKey, NoAuth, QueryKey


@pytest.mark.parametrize(
    ("base", "path", "quirk", "url"),
    [
        ("https://a.example/v1", "chat", None, "https://a.example/v1/chat"),
        ("https://a.example/v1//", "chat", None, "https://a.example/v1/chat"),
        ("https://a.example/v1", "chat", "other/chat", "https://a.example/v1/other/chat"),
        ("https://a.example/v1", "chat", "/v2/chat", "https://a.example/v2/chat"),
        ("https://a.example/v1", "chat", "https://b.example/chat", "https://b.example/chat"),
        ("https://a.example/v1/", "chat", "", "https://a.example/v1"),
    ],
)
def test_an_endpoint_is_its_path_under_the_base(base: str, path: str, quirk: str | None, url: str) -> None:
    assert endpoint(base, path, Quirks(path=quirk)) == url


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://server:9997", "http://server:9997/v1/chat"),
        ("http://server:9997/", "http://server:9997/v1/chat"),
        ("http://server:9997/v1", "http://server:9997/v1/chat"),
        ("http://server:9997/proxy/v2", "http://server:9997/proxy/v2/chat"),
    ],
)
def test_a_bare_host_gets_the_root_where_the_row_has_one(base: str, url: str) -> None:
    assert endpoint(base, "chat", Quirks(root="v1")) == url


@pytest.mark.parametrize(
    ("quirk", "way"),
    [
        ("bearer", Bearer()),
        ("bearer:password", Bearer("password")),
        ("header:x-key", HeaderKey("x-key")),
        ("query:key", QueryKey("key")),
        ("none", NoAuth()),
    ],
)
def test_a_quirk_says_how_the_key_travels(quirk: str, way: object) -> None:
    assert auth(Quirks(auth=quirk), HeaderKey("other")) == way


def test_without_a_quirk_the_key_travels_as_the_dialect_says() -> None:
    assert auth(Quirks()) == Bearer()
    assert auth(Quirks(), HeaderKey("api-key")) == HeaderKey("api-key")


def test_an_unknown_way_for_the_key_is_a_fault_of_the_row() -> None:
    with pytest.raises(ValueError, match="'cookie'"):
        auth(Quirks(auth="cookie"))


def test_a_default_stands_where_the_caller_gave_nothing_or_null() -> None:
    quirks = Quirks(defaults={"temperature": 0.3, "top_p": 0.9, "voice": "nova"})

    body = apply_quirks({"temperature": 0, "voice": None, "stop": None}, quirks)

    assert body == {"temperature": 0, "top_p": 0.9, "voice": "nova"}


def test_a_dropped_field_is_gone_even_as_a_default() -> None:
    assert apply_quirks({"a": 1, "b": 2}, Quirks(drop=("a", "c"), defaults={"c": 3})) == {"b": 2}


def test_clamp_is_named_as_the_dialect_says_and_nest_too() -> None:
    quirks = Quirks(rename={"t": "temp"}, clamp={"t": (0.1, 1.0)}, nest={"t": "settings", "k": "settings"})

    assert apply_quirks({"t": 2, "k": 5, "m": 1}, quirks) == {"settings": {"temp": 1.0, "k": 5}, "m": 1}


def test_what_is_no_number_is_not_clamped() -> None:
    assert apply_quirks({"t": "auto"}, Quirks(clamp={"t": (0, 1)})) == {"t": "auto"}


def test_quirks_change_no_body_they_are_given() -> None:
    body = {"a": 1}

    apply_quirks(body, Quirks(drop=("a",)))

    assert body == {"a": 1}


def test_endings_the_provider_does_not_know_are_cut_off() -> None:
    assert wire_model("m___VLLM", Quirks(strip_suffix=("___VLLM", "___LocalAI"))) == "m"


def test_a_request_carries_all_quirks_of_its_target() -> None:
    quirks = Quirks(headers={"x-a": "1"}, query={"v": "2"}, auth="none", drop=("b",), path="p")
    config = ModelConfig("t", "m", "F", ModelType.CHAT, "d", "https://a.example", "m", quirks)

    wire = post_json(Target(config, Credential()), "other", {"a": 1, "b": 2}, framing="sse")

    assert (wire.url, wire.headers, wire.query) == ("https://a.example/p", {"x-a": "1"}, {"v": "2"})
    assert (wire.json, wire.auth, wire.framing) == ({"a": 1}, NoAuth(), "sse")


def test_a_field_goes_as_json_in_a_string_under_its_new_name() -> None:
    quirks = Quirks(rename={"texts": "text_batch"}, json_text=("texts",))

    assert apply_quirks({"texts": ["ü"], "other": [1]}, quirks) == {"text_batch": '["ü"]', "other": [1]}

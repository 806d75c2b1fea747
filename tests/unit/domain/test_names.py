import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.domain.names import ModelName, parse_model_name

_FACTORIES = {"OpenAI", "LocalAI"}


def parse(text: str) -> tuple[str, str | None]:
    name = parse_model_name(text, is_factory=_FACTORIES.__contains__)
    return name.llm_name, name.factory


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpt-4", ("gpt-4", None)),
        ("gpt-4@OpenAI", ("gpt-4", "OpenAI")),
        ("gpt-4@openai", ("gpt-4@openai", None)),
        ("qwen@q4", ("qwen@q4", None)),
        ("qwen@q4@LocalAI", ("qwen@q4", "LocalAI")),
        ("qwen@q4@Nobody", ("qwen@q4", "Nobody")),
        ("@OpenAI", ("", "OpenAI")),
        ("gpt-4@", ("gpt-4@", None)),
        ("a@b@", ("a@b", "")),
        ("", ("", None)),
    ],
)
def test_an_address_splits_at_its_last_at_sign(text: str, expected: tuple[str, str | None]) -> None:
    assert parse(text) == expected


@given(st.text(), st.sampled_from(sorted(_FACTORIES)))
def test_what_was_joined_splits_again(llm_name: str, factory: str) -> None:
    assert parse(str(ModelName(llm_name, factory))) == (llm_name, factory)


def test_a_bare_name_prints_as_itself() -> None:
    assert str(ModelName("qwen@q4")) == "qwen@q4"

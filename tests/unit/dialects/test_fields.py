"""Fields that nobody has checked before are told apart from those that are missing."""

from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenant_llm.dialects.anthropic import chat as anthropic
from tenant_llm.dialects.bedrock import chat as bedrock
from tenant_llm.dialects.cohere import chat as cohere
from tenant_llm.dialects.contract import ChatDialect
from tenant_llm.dialects.fields import list_of, number_of, object_of, objects_of, refuse_features, texts_of
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.errors import InvalidRequest, TenantLLMError, UnsupportedModelType
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.wire import Json

TARGET = Target(ModelConfig("t", "m", "F", ModelType.CHAT, "f", "https://a.example", "m"), Credential())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "function", "name", "schema", "user_id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
PARAMS = (
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "n", "metadata", "user", "service_tier",
    "reasoning_effort", "output_config", "frequency_penalty", "parallel_tool_calls", "thinking", "unheard_of",
)  # fmt: skip
MESSAGE_FIELDS = (
    "content", "tool_calls", "function_call", "thinking_blocks", "content_blocks", "tool_call_id", "tool_plan", "name",
)  # fmt: skip
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "function"])


def refusal(dialect: ChatDialect, request: ChatRequest) -> TenantLLMError | None:
    """The error of the tree that a request is refused with; any other one goes through."""
    try:
        dialect.render(request, TARGET)
    except TenantLLMError as error:
        return error
    return None


@pytest.mark.parametrize("dialect", [anthropic, bedrock, cohere])
@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    params=st.dictionaries(st.sampled_from(PARAMS), JSON),
    choice=JSON,
    schema=JSON,
    function=JSON,
    role=ROLES,
    message=st.dictionaries(st.sampled_from(MESSAGE_FIELDS), JSON),
)
def test_a_body_of_any_shape_is_rendered_or_refused(
    dialect: ChatDialect,
    params: dict[str, Json],
    choice: Json,
    schema: Json,
    function: Json,
    role: str,
    message: dict[str, Json],
) -> None:
    request = ChatRequest(
        messages=[{"role": "user", "content": "Hello."}, {**message, "role": role}],
        tools=[{"type": "function", "function": function}],
        tool_choice=choice,
        response_format={"type": "json_schema", "json_schema": schema},
        params=params,
    )

    refused = refusal(dialect, request)

    assert refused is None or refused.param


@pytest.mark.parametrize("read", [object_of, list_of, objects_of, number_of, texts_of])
@pytest.mark.parametrize("values", [{}, {"a": None}])
def test_a_missing_field_and_null_are_the_same(read: type, values: dict[str, Json]) -> None:
    assert not read(values, "a")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (object_of, []),
        (list_of, {}),
        (objects_of, "text"),
        (number_of, "1"),
        (number_of, True),
        (number_of, nan),
        (texts_of, [1]),
    ],
)
def test_a_field_of_another_kind_is_named(read: type, value: Json) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"a": value}, "a")

    assert caught.value.param == "a"


def test_an_item_of_another_kind_is_named_with_the_way_to_it() -> None:
    with pytest.raises(InvalidRequest) as caught:
        objects_of({"a": [{}, 1]}, "a", "messages[2]")

    assert caught.value.param == "messages[2].a[1]"


def test_the_first_field_that_is_given_counts() -> None:
    values: dict[str, Json] = {"a": None, "b": 0, "c": 1}

    assert number_of(values, "a", "b", "c") == 0
    assert texts_of({"b": "x", "c": ["y"]}, "a", "b", "c") == ["x"]


def test_one_answer_in_text_is_no_special_feature() -> None:
    refuse_features({"n": 1, "modalities": ["text"]})
    refuse_features({"n": None, "modalities": None})


@pytest.mark.parametrize(
    ("given", "error", "param"),
    [
        ({"n": 2}, InvalidRequest, "n"),
        ({"modalities": ["text", "audio"]}, UnsupportedModelType, "modalities"),
        ({"modalities": "audio"}, InvalidRequest, "modalities"),
    ],
)
def test_other_answers_are_refused(given: dict[str, Json], error: type[TenantLLMError], param: str) -> None:
    with pytest.raises(error) as caught:
        refuse_features(given)

    assert caught.value.param == param

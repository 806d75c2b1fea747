import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from tenant_llm.domain.wire import Json
from tenant_llm.surface.invalid import invalid_request, shortened


class _Inner(BaseModel):
    count: int


class _Body(BaseModel):
    inner: _Inner
    items: list[int | str] = []


def _message(value: Json, model: type[BaseModel] = _Body) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return invalid_request(caught.value).message


def test_what_is_missing_is_required() -> None:
    assert _message({"inner": {}}) == "inner.count is required"


def test_an_object_is_called_an_object() -> None:
    assert _message({"inner": 5}) == "inner is 5: input should be an object"


def test_the_branch_of_a_union_is_no_part_of_the_path() -> None:
    assert _message({"inner": {"count": 1}, "items": [1, 2.5]}).startswith("items[1] is 2.5: ")


def test_the_body_itself_is_called_the_body() -> None:
    assert _message([]).startswith("body is []: ")


def test_a_schema_may_keep_values_out() -> None:
    class Secret(BaseModel):
        model_config = ConfigDict(hide_input_in_errors=True)
        key: int

    assert "sk-secret" not in _message({"key": "sk-secret"}, Secret)
    assert _message({"key": "sk-secret"}, Secret).startswith("key: ")


def test_a_value_that_looks_like_a_hint_does_not_show_a_hidden_one() -> None:
    class Secret(BaseModel):
        model_config = ConfigDict(hide_input_in_errors=True)
        key: int

    assert "sk-secret" not in _message({"key": "input_value=sk-secret"}, Secret)


def test_a_long_value_is_cut() -> None:
    assert shortened("x" * 100) == "'" + "x" * 79 + "…"

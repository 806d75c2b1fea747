import pytest

from tenant_llm.domain import errors
from tenant_llm.domain.errors import ModelNotSet, TenantLLMError, UnsupportedModelType


def test_the_envelope_is_openais() -> None:
    error = ModelNotSet("Type of tts model is not set.", param="model")

    assert error.envelope() == {
        "error": {
            "message": "Type of tts model is not set.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_set",
        }
    }


def test_lookups_fail_as_lookup_errors_and_missing_types_as_assertion_errors() -> None:
    assert isinstance(ModelNotSet(""), LookupError)
    assert isinstance(UnsupportedModelType(""), AssertionError)


@pytest.mark.parametrize(
    "error",
    [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, TenantLLMError)],
    ids=lambda item: item.__name__,
)
def test_the_drawing_on_top_of_the_module_shows_every_class_with_its_status(error: type[TenantLLMError]) -> None:
    if error in (TenantLLMError, errors.ProviderError):
        return
    drawn = f" {error.__name__} "
    status = f" {error.status}{'*' if error.retryable else ''} "

    lines = [f"{line} " for line in (errors.__doc__ or "").splitlines() if drawn in line]

    assert len(lines) == 1
    assert status in lines[0]

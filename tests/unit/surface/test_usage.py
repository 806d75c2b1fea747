import pytest
from pydantic import ValidationError

from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.usage import UsageCall, ask


@pytest.mark.parametrize("used", [True, False, 5.0, "5", -1, None, [5], 10**12 + 1])
def test_used_tokens_are_an_integer_of_zero_or_more(used: Json) -> None:
    with pytest.raises(ValidationError) as caught:
        UsageCall.model_validate({"llm_type": "chat", "used_tokens": used})

    assert [error["loc"] for error in caught.value.errors()] == [("used_tokens",)]


def test_zero_tokens_are_an_amount() -> None:
    assert UsageCall.model_validate({"llm_type": "chat", "used_tokens": 0}).used_tokens == 0


def test_a_misspelt_field_is_named_before_the_one_that_it_should_be() -> None:
    call = Call(Caller("t", "r", Deadline.after(1)), {"llm_type": "chat", "used_token": 5})

    with pytest.raises(InvalidRequest) as caught:
        ask(call)

    assert caught.value.param == "used_token"

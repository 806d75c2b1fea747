import json
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenant_llm.domain.budget import Reservation
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import decode, encode
from tenant_llm.domain.usage import Usage

_AT = datetime(2026, 11, 23, 10, 15, 30, 123456, tzinfo=UTC)
_CALL = Settlement("acme", "r1", "gpt-4", "OpenAI", ModelType.CHAT, Usage(3, 4, native={"seconds": 0.1}), _AT)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_COUNT = st.integers(0, 2**70)
_AMOUNTS = st.dictionaries(_TEXT, st.floats(allow_nan=False, allow_infinity=False))
_OFFSET = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60, 23 * 60))
_TIMES = st.builds(
    lambda seconds, offset: (_AT + timedelta(seconds=seconds)).astimezone(offset), st.floats(-(10**9), 10**9), _OFFSET
)
_RESERVATIONS = st.builds(Reservation, st.lists(_TEXT).map(tuple), st.dictionaries(_TEXT, _COUNT))
_USAGES = st.builds(Usage, _COUNT, _COUNT, _COUNT, _COUNT, _COUNT, _AMOUNTS, st.booleans())


def _optional() -> list[str]:
    return [field.name for field in fields(Settlement) if (field.default, field.default_factory) != (MISSING, MISSING)]


# A field that is added to the class is tried here without a word: ``...`` is whatever its type allows.
_CHOSEN: dict[str, Any] = {
    "usage": _USAGES,
    "at": _TIMES,
    "row": st.none() | _TEXT,
    "status": st.just("interrupted"),
    "reservation": st.none() | _RESERVATIONS,
}
_SETTLEMENTS = st.builds(Settlement, _TEXT, _TEXT, _TEXT, _TEXT, **{**dict.fromkeys(_optional(), ...), **_CHOSEN})


@given(_SETTLEMENTS)
def test_what_is_read_is_what_was_written(settlement: Settlement) -> None:
    assert decode(json.loads(json.dumps(encode(settlement)))) == settlement


@given(_SETTLEMENTS)
def test_every_field_is_written(settlement: Settlement) -> None:
    encoded = encode(settlement)

    assert encoded.keys() == {field.name for field in fields(Settlement)}
    assert encoded["usage"].keys() == {field.name for field in fields(Usage)}


def test_fields_of_a_newer_writer_are_passed_over() -> None:
    encoded = encode(_CALL)
    encoded["usage"]["audio_tokens"] = 5

    assert decode(encoded | {"priority": {"level": 1}}) == _CALL


def test_fields_that_an_older_writer_did_not_have_have_their_defaults() -> None:
    encoded = {name: value for name, value in encode(_CALL).items() if name not in _optional()}
    encoded["usage"] = {"input_tokens": 3}

    assert decode(encoded) == replace(_CALL, usage=Usage(3))


@pytest.mark.parametrize("amount", [inf, -inf, nan])
def test_an_amount_that_is_no_number_is_not_written(amount: float) -> None:
    usage = Usage(3, 4, native={"seconds": 0.1, "pages": amount})

    assert decode(encode(replace(_CALL, usage=usage))) == _CALL


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenant_id": None}, "tenant_id"),
        ({"request_id": 5}, "request_id"),
        ({"model_type": "vision"}, "model_type"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-11-23T10:15:30"}, "at"),
        ({"usage": {"input_tokens": "3"}}, "usage.input_tokens"),
        ({"usage": {"input_tokens": 3.5}}, "usage.input_tokens"),
        ({"usage": {"estimated": 1}}, "usage.estimated"),
        ({"status": "lost"}, "status"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_told(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(encode(_CALL) | change)

    assert caught.value.param == field
    assert "yesterday" not in caught.value.message


@pytest.mark.parametrize("encoded", [None, [], "text", 5, {}, {"settlement": {}}])
def test_what_is_no_settlement_is_refused(encoded: Any) -> None:
    with pytest.raises(InvalidRequest):
        decode(encoded)

from time import perf_counter

import pytest

from tenant_llm.domain.masking import masked


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("write to jane.doe+x@mail.example.co.uk.", "write to [EMAIL]."),
        ("my card is 4111 1111 1111 1111, ok?", "my card is [CARD], ok?"),
        ("5500-0000-0000-0004", "[CARD]"),
        ("IBAN DE89 3704 0044 0532 0130 00 please", "IBAN [IBAN] please"),
        ("gb82west12345698765432", "[IBAN]"),
        ("from 203.0.113.24 to 2001:db8::1.", "from [IP] to [IP]."),
        ("call +49 (0)30 1234567 now", "call [PHONE] now"),
        ("0171/1234567", "[PHONE]"),
        ("415-555-2671 or (415) 555-2671", "[PHONE] or [PHONE]"),
        ("13812345678", "[PHONE]"),
        ("key sk-proj-abcDEF123456_7890xyz end", "key [KEY] end"),
        ("AKIAIOSFODNN7EXAMPLE", "[KEY]"),
        ("Authorization: Bearer abcdef0123456789abcdef", "Authorization: Bearer [KEY]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_9", "[KEY]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[KEY]"),
        ("a@b.co and c@d.org", "[EMAIL] and [EMAIL]"),
    ],
)
def test_what_names_a_person_or_opens_a_door_is_masked(text: str, told: str) -> None:
    assert masked(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112 has a wrong check digit",
        "DE89 3704 3704 3532 8130 01 too",
        "version 1.2.3 and 999.1.1.1",
        "on 2026-11-24 at 12:30:45 it cost 1,234.56",
        "a task-force of 12345678 people",
        "std::vector::size and x::y",
        "3.14159265358979",
        "你好, 世界",
        "",
    ],
)
def test_what_only_looks_so_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("unit", ["a", "1 ", "a.b", "a@", ":0", "(0", "DE89 ", "-", "sk-", "eyJ."])
def test_masking_takes_no_longer_than_the_text_is_long(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    began = perf_counter()

    masked(text)

    assert perf_counter() - began < 3

"""What names a person or opens a door, taken out of a text: e-mail addresses, numbers, addresses, keys.

By its form alone, so that what has another form stays, and a number that looks like one goes. Whoever must be sure lets
no content leave.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address

_CARD_DIGITS = range(13, 20)  # ISO/IEC 7812
_PHONE_DIGITS = range(8, 16)  # E.164 has 15 at most; fewer than 8 are dates, prices and the like
_LUHN = 9
_BASE = 10
_REST = 97


def masked(text: str) -> str:
    """The text with ``[EMAIL]``, ``[PHONE]``, ``[CARD]``, ``[IBAN]``, ``[IP]`` and ``[KEY]`` in their places."""
    for pattern, mask, judge in _RULES:
        text = pattern.sub(lambda found, mask=mask, judge=judge: mask if judge(found[0]) else found[0], text)  # type: ignore[misc]
    return text


def _any(_: str) -> bool:
    return True


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _is_card(text: str) -> bool:
    """By its check digit: https://www.iso.org/standard/70484.html, annex B."""
    digits = _digits(text)
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    total = sum(digit - _LUHN if digit > _LUHN else digit for digit in doubled)
    return len(digits) in _CARD_DIGITS and total % _BASE == 0


def _is_iban(text: str) -> bool:
    """By its check digits: https://www.iso.org/standard/81090.html."""
    plain = text.replace(" ", "").upper()
    number = "".join(str(int(character, 36)) for character in plain[4:] + plain[:4])
    return int(number) % _REST == 1


def _is_phone(text: str) -> bool:
    return len(_digits(text)) in _PHONE_DIGITS


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


type _Rule = tuple[re.Pattern[str], str, Callable[[str], bool]]

# In this order: a key may hold what looks like a number, a card's number what looks like a telephone's.
_RULES: tuple[_Rule, ...] = (
    # A word and a dash or underscore before many letters and digits, as providers give keys out; AWS's, Google's; JWTs.
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|ghp|gho|ghs|glpat|hf|r8|xox[a-z])[-_][A-Za-z0-9_-]{12,}"), "[KEY]", _any),
    (re.compile(r"\bgithub_pat_\w{20,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}"), "[KEY]", _any),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), "[KEY]", _any),
    (re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{16,}"), "[KEY]", _any),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), "[EMAIL]", _any),
    (re.compile(r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?\b"), "[IBAN]", _is_iban),
    (re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])"), "[CARD]", _is_card),
    (re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)"), "[IP]", _is_ip),
    (re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"), "[IP]", _is_ip),
    (re.compile(r"(?<![\w.])(?:\+|\(?0)\d{0,4}(?:[ ./()-]{0,2}\d){6,14}(?!\w)"), "[PHONE]", _is_phone),
    (re.compile(r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), "[PHONE]", _is_phone),
    (re.compile(r"(?<!\w)1[3-9]\d{9}(?!\w)"), "[PHONE]", _any),
)

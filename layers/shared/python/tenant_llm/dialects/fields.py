"""Fields of a caller's body that a dialect looks into, and that nobody has checked before."""

from collections.abc import Mapping
from math import isfinite

from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.wire import Json, JsonObject


def object_of(values: Mapping[str, Json], name: str, where: str = "") -> JsonObject:
    """The object in a field; an empty one where the field is missing or ``null``.

    Raises:
        InvalidRequest: When it is anything else; ``param`` is the field's path, ``where`` what leads to it.
    """
    value = values.get(name)
    if value is not None and not isinstance(value, dict):
        raise _wrong(value, name, where, "an object")
    return value or {}


def list_of(values: Mapping[str, Json], name: str, where: str = "") -> list[Json]:
    """The list in a field; an empty one where the field is missing or ``null``.

    Raises:
        InvalidRequest: When it is anything else; ``param`` is the field's path, ``where`` what leads to it.
    """
    value = values.get(name)
    if value is not None and not isinstance(value, list):
        raise _wrong(value, name, where, "a list")
    return value or []


def objects_of(values: Mapping[str, Json], name: str, where: str = "") -> list[JsonObject]:
    """The list of objects in a field, as ``list_of``.

    Raises:
        InvalidRequest: When one of them is anything else; ``param`` is its path.
    """
    found = list_of(values, name, where)
    for index, item in enumerate(found):
        if not isinstance(item, dict):
            raise _wrong(item, f"{name}[{index}]", where, "an object")
    return found


def number_of(values: Mapping[str, Json], *names: str) -> int | float | None:
    """The number in the first of the fields that is given; ``None`` where none is.

    Raises:
        InvalidRequest: When it is no number; ``param`` names the field.
    """
    for name in names:
        value = values.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise _wrong(value, name, "", "a number")
            return value
    return None


def texts_of(values: Mapping[str, Json], *names: str) -> list[str] | None:
    """The texts in the first of the fields that is given, one or several; ``None`` where none is.

    Raises:
        InvalidRequest: When it is neither a text nor a list of texts; ``param`` names the field.
    """
    for name in names:
        value = values.get(name)
        if value is not None:
            found = [value] if isinstance(value, str) else value
            if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
                raise _wrong(value, name, "", "a text or a list of texts")
            return found
    return None


def refuse_features(given: Mapping[str, Json]) -> None:
    """Return when one answer in text will do, which is all that some wires have.

    Raises:
        InvalidRequest: When more than one choice is asked for.
        UnsupportedModelType: When the answer is to be spoken, or to hold anything else than text.
    """
    if number_of(given, "n") not in {None, 1}:
        raise InvalidRequest(f"n is {given['n']!r}: this provider answers with one choice", param="n")
    for modality in list_of(given, "modalities"):
        if modality != "text":
            raise UnsupportedModelType(
                f"modalities has {modality!r}: this provider answers in text", param="modalities"
            )


def refuse_logprobs(given: Mapping[str, Json]) -> None:
    """Return when nobody asks for the tokens' probabilities, which some wires do not tell.

    Raises:
        UnsupportedModelType: When somebody does.
    """
    for name in ("logprobs", "top_logprobs"):
        if given.get(name):
            raise UnsupportedModelType(f"{name} is {given[name]!r}: this provider tells no probabilities", param=name)


def _wrong(value: Json, name: str, where: str, wanted: str) -> InvalidRequest:
    path = f"{where}.{name}" if where else name
    return InvalidRequest(f"{path} has to be {wanted}, not {str(value)[:80]!r}", param=path)

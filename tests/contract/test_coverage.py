"""Every pair of a factory and a type that a tenant may have stored has an answer: a wire, or a refusal that says why.

``expected_pairs.txt`` is written by hand, a line a factory, and no pair goes from it: what a provider has ended is
refused with that reason. What a pair resolves to is ``resolution_matrix.txt``, which is made from the rows.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenant_llm.catalogue import load
from tenant_llm.catalogue.schema import Provider
from tenant_llm.domain.errors import InvalidRequest, UnsupportedModelType
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.services.registration import check_offer, needs_base_url
from tenant_llm.services.resolution import _config

_LIST = Path(__file__).parent / "expected_pairs.txt"
_OWN_URL = "https://models.example.com/v1"


def _expected() -> Iterator[tuple[str, ModelType]]:
    for line in _LIST.read_text(encoding="utf-8").splitlines():
        factory, _, types = line.partition(": ")
        yield from ((factory, ModelType(name)) for name in types.split())


PAIRS = list(_expected())
_ALL = pytest.mark.parametrize(("factory", "model_type"), PAIRS, ids=lambda item: str(item))


def _row(factory: str) -> Provider:
    row = load.provider(factory)
    assert row is not None, factory
    return row


def _resolve(row: Provider, model_type: ModelType, api_base: str | None) -> str:
    model = TenantModel("acme", "some-model", row.name, model_type, api_base=api_base)
    return _config(model, model_type, row, stored=True).base_url


def test_the_list_has_every_factory_and_no_pair_twice() -> None:
    assert {factory for factory, _ in PAIRS} == {row.name for row in load.providers()}
    assert len(PAIRS) == len(set(PAIRS))


@_ALL
def test_a_pair_is_served_or_refused_with_a_reason(factory: str, model_type: ModelType) -> None:
    row = _row(factory)

    if model_type in row.dialects:
        check_offer(row, model_type)
        assert _resolve(row, model_type, _OWN_URL) == _OWN_URL
        return
    reason = row.refused[model_type]
    assert len(reason.split()) > 3
    for ask in (lambda: check_offer(row, model_type), lambda: _resolve(row, model_type, _OWN_URL)):
        with pytest.raises(UnsupportedModelType) as caught:
            ask()
        assert reason in caught.value.message


@_ALL
def test_a_pair_has_an_address_or_asks_for_one(factory: str, model_type: ModelType) -> None:
    row = _row(factory)
    if model_type not in row.dialects:
        return

    if row.base_urls.get(model_type) or row.base_url:
        assert _resolve(row, model_type, None).startswith("https://")
    else:
        assert needs_base_url(row, model_type)
        with pytest.raises(InvalidRequest, match="needs an api_base"):
            _resolve(row, model_type, None)


@pytest.mark.parametrize("row", [row for row in load.providers() if row.status == "retired"], ids=lambda row: row.name)
def test_a_factory_that_is_gone_asks_for_an_address_and_works_with_it(row: Provider) -> None:
    assert row.dialects
    for model_type in row.dialects:
        assert needs_base_url(row, model_type)
        assert _resolve(row, model_type, _OWN_URL) == _OWN_URL

"""A catalogue row, decoded and checked."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.quirks import Quirks


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model a factory lists.

    ``max_tokens`` is its window (chat) or longest input, ``None`` where unknown; ``wire`` the provider's own name for
    it where that is another one.
    """

    name: str
    types: tuple[ModelType, ...]
    max_tokens: int | None = None
    tools: bool | None = None
    wire: str = ""

    @property
    def wire_name(self) -> str:
        """What the model is called on the wire."""
        return self.wire or self.name


@dataclass(frozen=True, slots=True)
class Profile:
    """Quirks of the models whose wire name begins as ``pattern`` says, for some types."""

    pattern: re.Pattern[str]
    types: frozenset[ModelType]
    quirks: Quirks

    def fits(self, wire_name: str, model_type: ModelType) -> bool:
        """Whether the quirks are that model's."""
        return model_type in self.types and self.pattern.match(wire_name) is not None


def fitting(profiles: Iterable[Profile], wire_name: str, model_type: ModelType) -> Quirks:
    """The quirks of all profiles that fit, later ones over earlier ones."""
    found = (profile.quirks for profile in profiles if profile.fits(wire_name, model_type))
    return reduce(Quirks.merge, found, Quirks())


@dataclass(frozen=True, slots=True)
class Provider:
    """What a factory resolves to.

    Attributes:
        name: the factory, letter for letter as tenants write it.
        base_url: the API's root; ``None`` where the tenant has to give it.
        base_urls: model type → root, where one differs from ``base_url``.
        dialects: model type → dialect family. A type that is not here is not offered.
        refused: model type → why a type one might expect is not offered.
        credential: the credential's fields; empty for a keyless factory.
        credential_choices: sets of fields, one of which has to be whole beside ``credential``; fields of other sets may
            be there too. A plain key stands for the one field of the first set that has one.
        optional_credential: more fields it may have; of a keyless factory the first is the one a plain key stands for.
        docs: where the facts were read; checked: when (ISO date).
        rank: catalogue order, higher first.
        status: ``live`` or ``retired`` (gone, works with a tenant's own base URL).
        logo: for a user interface; may be empty.
        prices: the provider of list prices that is the same, as ``services/prices.py`` knows it; empty for none.
        builtin: whether its models need no row of a tenant: they are keyless and served at the operator's endpoint.
        profiles: what follows a model's name at this provider only (see ``profiles.toml`` for what does so everywhere).
    """

    name: str
    base_url: str | None
    dialects: Mapping[ModelType, str]
    docs: str
    checked: str
    base_urls: Mapping[ModelType, str] = field(default_factory=dict)
    refused: Mapping[ModelType, str] = field(default_factory=dict)
    credential: tuple[str, ...] = ("api_key",)
    credential_choices: tuple[tuple[str, ...], ...] = ()
    optional_credential: tuple[str, ...] = ()
    rank: int = 500
    status: str = "live"
    logo: str = ""
    prices: str = ""
    builtin: bool = False
    models: tuple[CatalogueModel, ...] = ()
    common_quirks: Quirks = field(default_factory=Quirks)
    type_quirks: Mapping[ModelType, Quirks] = field(default_factory=dict)
    profiles: tuple[Profile, ...] = ()

    @property
    def needs_key(self) -> bool:
        """Whether a call needs a stored credential."""
        return bool(self.credential or self.credential_choices)

    @property
    def credential_fields(self) -> tuple[str, ...]:
        """Every field that a credential of this factory may have."""
        return (*self.credential, *chain.from_iterable(self.credential_choices), *self.optional_credential)

    @property
    def tags(self) -> str:
        """The types offered, comma-joined in the enum's order, as user interfaces filter by."""
        return ",".join(model_type for model_type in ModelType if model_type in self.dialects)

    def quirks(self, model_type: ModelType) -> Quirks:
        """The row's quirks for one type: the common ones, the type's own over them.

        Image2text goes over the chat wire, so chat's quirks are its own.
        """
        own = ModelType.CHAT if model_type is ModelType.IMAGE2TEXT else model_type
        return self.common_quirks.merge(self.type_quirks.get(own, Quirks()))

    def profile(self, wire_name: str, model_type: ModelType) -> Quirks:
        """The quirks that a model has at this provider because of its name."""
        return fitting(self.profiles, wire_name, model_type)

    def model(self, name: str) -> CatalogueModel | None:
        """The listed model of that name."""
        return next((model for model in self.models if model.name == name), None)

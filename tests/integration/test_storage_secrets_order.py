"""Every crash and every interleaving of two writers of a tenant's keys: none is lost, and no claim is empty."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import boto3
import pytest

from tenant_llm.domain.tenant import Tenant
from tenant_llm.repositories.secrets import SecretStore
from tenant_llm.repositories.tables import connection
from tenant_llm.repositories.tenant import TenantRepository
from tests.support.aws import Aws
from tests.support.ministack import ministack_is_there

type Write = Callable[[SecretStore], None]
type When = Literal["before-call", "after-call"]


def put(place: str, key: str) -> Write:
    return lambda store: store.put("acme", place, {"api_key": key})


def remove(place: str) -> Write:
    return lambda store: store.remove("acme", place)


KEPT = ("Kept", "kept-0123456789")
X1, X2 = put("X", "x-0123456789-1"), put("X", "x-0123456789-2")
Y1 = put("Y", "y-0123456789-1")
NO_X = remove("X")


class Crash(Exception):
    """The process ends here."""


@dataclass
class World:
    store: SecretStore
    tenants: TenantRepository
    secrets: Any
    name: str

    def keys(self) -> dict[str, str]:
        """Where there are keys, and how they end."""
        try:
            text = self.secrets.get_secret_value(SecretId=self.name, VersionStage="AWSCURRENT")["SecretString"]
        except (self.secrets.exceptions.ResourceNotFoundException, self.secrets.exceptions.InvalidRequestException):
            return {}
        return {place: "****" + value["api_key"][-4:] for place, value in json.loads(text).items()}

    def claims(self) -> Mapping[str, str]:
        tenant = self.tenants.find("acme")
        assert tenant is not None
        return tenant.credentials

    @contextmanager
    def at_call(self, number: int, do: Callable[[], None], when: When = "before-call") -> Iterator[list[str]]:
        """Do something before or after AWS carries out the block's call of that number; tells the block's calls."""
        calls: list[str] = []
        busy = False

        def count(model: Any, **_: object) -> None:
            nonlocal busy
            if busy:
                return
            calls.append(model.name)
            if len(calls) == number:
                busy = True
                try:
                    do()
                finally:
                    busy = False

        clients = [connection().client, vars(vars(self.store)["_secrets"])["_client"]]
        for client in clients:
            client.meta.events.register(f"{when}.*.*", count)
        try:
            yield calls
        finally:
            for client in clients:
                client.meta.events.unregister(f"{when}.*.*", count)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    aws: Aws = request.getfixturevalue("ministack" if ministack_is_there() else "aws")  # the first is the stricter
    tenants = TenantRepository(aws.settings)
    tenants.create(Tenant("acme"))
    store = SecretStore(aws.settings, tenants, sleep=lambda _: None)
    return World(store, tenants, boto3.client("secretsmanager"), f"{aws.settings.secret_prefix}acme")


def crash() -> None:
    raise Crash


CRASHES = {
    "the first key": ((), X1),
    "another key": ((put(*KEPT),), X1),
    "a key in place of another": ((put(*KEPT), X2), X1),
    "a removal": ((put(*KEPT), X1), NO_X),
    "the removal of the last": ((X1,), NO_X),
    "a key after the last was removed": ((X1, NO_X), X1),
}


@pytest.mark.parametrize("when", ["before-call", "after-call"])
@pytest.mark.parametrize("case", CRASHES)
def test_a_crash_loses_no_key_and_leaves_no_empty_claim(world: World, case: str, when: When) -> None:
    earlier, write = CRASHES[case]
    number = 0
    crashed = True
    while crashed:
        number += 1
        world.store.delete("acme")
        for step in earlier:
            step(world.store)
        before = world.keys()

        with world.at_call(number, crash, when):
            try:
                write(world.store)
                crashed = False
            except Crash:
                crashed = True

        keys = world.keys()
        assert world.claims().keys() <= keys.keys(), f"{when} {number}"
        assert without_x(keys) == without_x(before), f"{when} {number}"
        write(world.store)  # the operator tries again
        assert world.claims() == world.keys()
        assert ("X" in world.claims()) is (write is X1)
    assert number > 4


def without_x(keys: Mapping[str, str]) -> dict[str, str]:
    return {place: tail for place, tail in keys.items() if place != "X"}


TOGETHER = {
    "two keys": ((), X1, Y1, {"X", "Y"}),
    "two keys beside another": ((put(*KEPT),), X1, Y1, {"X", "Y", "Kept"}),
    "two keys at one place": ((put(*KEPT),), X1, X2, {"X", "Kept"}),
    "a key and its removal": ((put(*KEPT),), X1, NO_X, {"X", "Kept"}),
    "a key again and its removal": ((put(*KEPT), X1), X1, NO_X, {"X", "Kept"}),
    "a removal and a key at its place": ((put(*KEPT), X2), NO_X, X1, {"Kept"}),
    "a removal and the same key at its place": ((put(*KEPT), X1), NO_X, X1, {"Kept"}),
    "a removal and another key": ((put(*KEPT), X1), NO_X, Y1, {"Kept", "Y"}),
    "the last key's removal and another key": ((X1,), NO_X, Y1, {"Y"}),
    "the last key's removal and a key at its place": ((X1,), NO_X, X2, set()),
    "two removals": ((put(*KEPT), X1), NO_X, NO_X, {"Kept"}),
    "two last removals": ((X1,), NO_X, NO_X, set()),
    "both last removals": ((X1, Y1), NO_X, remove("Y"), set()),
    "a key after the last was removed, and another": ((X2, NO_X), X1, Y1, {"X", "Y"}),
}


@pytest.mark.parametrize("case", TOGETHER)
def test_a_writer_in_the_midst_of_another_loses_no_key(world: World, case: str) -> None:
    earlier, slow, quick, expected = TOGETHER[case]
    number = 0
    happened = True
    while happened:
        number += 1
        happened = False
        world.store.delete("acme")
        for step in earlier:
            step(world.store)

        def interrupt() -> None:
            nonlocal happened
            happened = True
            quick(world.store)

        with world.at_call(number, interrupt):
            slow(world.store)

        if happened:
            assert world.claims() == world.keys(), f"before call {number}"
            assert expected <= world.keys().keys(), f"before call {number}"
    assert number > 3

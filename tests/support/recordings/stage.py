"""The stage: the local HTTP server in front, the replaying provider behind, and a tenant for each recording."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from itertools import count
from threading import Thread
from typing import Any, override

import httpx

from local.aws import reset
from tenant_llm import bootstrap
from tenant_llm.catalogue.load import provider
from tenant_llm.domain.tenant import Tenant, TenantModel
from tests.support.recordings.records import Plan, Record, file, replayer

KEY = "key-of-a-replayed-tenant-0123456789"
_TENANTS = 25  # at a time: the embedded AWS copies all there is for each transaction
KEY_FILE = '{"type": "service_account"}'  # its token is known already
_FIELDS = {
    "bedrock_region": "us-east-1",
    "bedrock_ak": "AKIAIOSFODNN7EXAMPLE",
    "bedrock_sk": KEY,
    "google_project_id": "my-project",
    "google_region": "us-central1",
    "google_service_account_key": KEY_FILE,
}


class _Log(StringIO):
    """Where the replayer writes what it was asked, a line a request."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    @override
    def write(self, line: str) -> int:
        self.lines.append(line)
        return len(line)


@dataclass(frozen=True, slots=True)
class Stage:
    """The two servers, and tenants between them."""

    api: httpx.Client
    server: Any
    env: Mapping[str, str]
    _tenants: Iterator[int] = field(default_factory=count)

    def tenant(self, record: Record, plan: Plan, name: str, answers: str = "") -> "Caller":
        """A tenant with one model, whose provider answers with the recording, or with all that ``answers`` names."""
        if next(self._tenants) % _TENANTS == 0:
            reset(self.env)
        tenant_id = f"{plan.factory.lower().replace(' ', '-')}-{record['id']}"
        place = f"seq/{answers}" if answers else f"rec/{record['id']}"
        url = f"http://127.0.0.1:{self.server.server_address[1]}/{place}{plan.prefix}"
        bootstrap.tenant_repository().create(Tenant(tenant_id, record["provider"]))
        model = TenantModel(tenant_id, name, plan.factory, plan.model_type, api_base=url)
        bootstrap.tenant_llm_repository().put(model)
        bootstrap.secret_store().put(tenant_id, plan.factory, self._credential(plan.factory))
        token, _ = bootstrap.tenant_models_service().issue_token(tenant_id, "replay")
        return Caller(self, model, {"authorization": f"Bearer {token}"})

    @contextmanager
    def cutting_oddly(self) -> Iterator[None]:
        """Have streams cut inside events, JSON and characters."""
        self.server.split = "odd"
        yield
        self.server.split = "events"
        self.asked()

    def asked(self) -> list[str]:
        """What the provider was asked since the last time this was asked."""
        lines, self.server.logf.lines = self.server.logf.lines, []
        return list(lines)

    @staticmethod
    def _credential(factory: str) -> dict[str, str]:
        row = provider(factory)
        assert row is not None
        if "bedrock_region" in row.credential:
            return {name: value for name, value in _FIELDS.items() if name.startswith("bedrock_")}
        return {name: _FIELDS[name] for name in row.credential if name in _FIELDS} or {"api_key": KEY}


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant's side: it calls over HTTP."""

    stage: Stage
    model: TenantModel
    headers: Mapping[str, str]

    def post(self, route: str, **sent: Any) -> httpx.Response:
        return self.stage.api.post(route, headers=self.headers, **sent)

    def booked(self) -> Any:
        """Totals as ``GET /v1/usage`` tells them, and the tokens on the model's row."""
        totals = self.stage.api.get("/v1/usage", headers=self.headers).json()["totals"]
        row = bootstrap.tenant_llm_repository().find(self.model.tenant_id, self.model.address)
        assert row is not None
        return totals, row.used_tokens


@contextmanager
def stage(api: str, env: Mapping[str, str]) -> Iterator[Stage]:
    """Serve the recordings until the block ends."""
    server = replayer().serve(str(file()))
    server.logf.close()
    server.logf = _Log()
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=api, timeout=60) as client:
            yield Stage(client, server, env)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.store.f.close()

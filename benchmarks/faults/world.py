"""What the benchmark runs in: an atomic AWS behind a proxy that fails, the API in a process, the provider."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import httpx

from benchmarks.faults.provider import Provider
from local.__main__ import free_port
from local.aws import create_all, environment
from local.queue import deliver
from tenant_llm import bootstrap
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.settings import settings
from tests.support.faults import Proxy, faulty_proxy
from tools.deploy_local import emulator
from tools.replay_unsettled import replay

ADDRESS = "m@OpenAI-API-Compatible"
_PATIENCE = 60.0
_LOCAL = {
    "ALLOW_PRIVATE_PROVIDERS": "true",
    "HTTP_TIMEOUT_MILLIS": "60000",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "SECRET_TTL": "3600",
    "CONFIG_TTL": "3600",
}


@dataclass
class World:
    """One worker on ``port``; ``env`` leads it through the proxy, this process goes around."""

    env: Mapping[str, str]
    proxy: Proxy
    provider: Provider
    log: Path
    port: int = field(default_factory=free_port)
    worker: subprocess.Popen[bytes] | None = None
    replayed: int = 0
    """Bytes of the log that were replayed."""

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start the worker, and wait until it listens."""
        env = os.environ | dict(self.env) | _LOCAL | {"AWS_ENDPOINT_URL": self.proxy.url}
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "benchmarks.faults.worker", str(self.port)]
            self.worker = subprocess.Popen(command, env=env, stdout=log, stderr=log)  # noqa: S603 - ourselves
        end = monotonic() + _PATIENCE
        while monotonic() < end:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/")
            except httpx.TransportError:
                sleep(0.05)
            else:
                return
        raise RuntimeError("the worker does not listen")

    def kill(self) -> None:
        """``kill -9``."""
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()

    def settle_what_waits(self, deliveries: int = 1) -> None:
        """Book what is in the queue, each message that many times, and then what is only in the log."""
        while (delivered := deliver(self.env, times=deliveries))[0]:
            if delivered[0] != delivered[1]:
                raise RuntimeError(f"of {delivered[0]} messages {delivered[1]} could be booked")
        with self.log.open() as log, redirect_stdout(StringIO()) as printed:
            log.seek(self.replayed)
            if replay([log.read()], bootstrap.usage_service().book, settings().ledger_days):
                raise RuntimeError(f"the log could not be replayed: {printed.getvalue()}")
            self.replayed = log.tell()

    def tenant(self, tenant_id: str) -> str:
        """A tenant with one model at the provider; returns its token."""
        service = bootstrap.tenant_models_service()
        service.create(tenant_id, tenant_id)
        model = TenantModel(tenant_id, "m", "OpenAI-API-Compatible", ModelType.CHAT, api_base=self.provider.url)
        service.register(model, "key-of-the-benchmark")
        service.set_defaults(tenant_id, {ModelType.CHAT: ADDRESS})
        return service.issue_token(tenant_id, "faults")[0]


@contextmanager
def world() -> Iterator[World]:
    """All of it, until the block ends."""
    with TemporaryDirectory() as folder, emulator(folder) as aws:
        env = environment(aws["AWS_ENDPOINT_URL"])
        create_all(env)
        os.environ.update(env | _LOCAL)
        bootstrap.reset()
        provider = Provider()
        provider.start()
        with faulty_proxy(env["AWS_ENDPOINT_URL"]) as proxy:
            here = World(env, proxy, provider, Path(folder) / "worker.log")
            here.start()
            try:
                yield here
            finally:
                here.kill()

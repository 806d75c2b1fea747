"""``python -m benchmarks.tracing``: how long a warm call takes with no Langfuse, a good, a dead and a silent one.

Four tenants call in turn, in one process, over an atomic AWS in a process of its own (``make ministack``). Then what
they have told is brought to their Langfuse, and what became of it is counted.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from local.__main__ import free_port
from local.aws import create_all, environment
from local.queue import deliver
from tenant_llm import bootstrap
from tenant_llm.domain.call import Caller
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tests.support.langfuse import LangfuseServer, langfuse_server
from tests.support.provider import provider_server
from tools.deploy_local import emulator

_ADDRESS = "m@OpenAI-API-Compatible"
_REQUEST = ChatRequest([{"role": "user", "content": "Hello"}])
_ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


@contextmanager
def tenants() -> Iterator[dict[str, LangfuseServer | None]]:
    """Four tenants of one provider, by what they have for a Langfuse."""
    with ExitStack() as stack:
        provider = stack.enter_context(provider_server())
        provider.reply(_ANSWER)
        good, silent = (stack.enter_context(langfuse_server()) for _ in range(2))
        silent.hang()
        hosts = {"none": None, "good": good.url, "dead": f"http://127.0.0.1:{free_port()}", "silent": silent.url}
        for name, host in hosts.items():
            _tenant(name, f"{provider.url}/v1", host)
        yield {"none": None, "good": good, "dead": None, "silent": silent}


def _tenant(name: str, provider_url: str, host: str | None) -> None:
    service = bootstrap.tenant_models_service()
    service.create(name.title(), name)
    llm_name, _, factory = _ADDRESS.rpartition("@")
    service.register(TenantModel(name, llm_name, factory, ModelType.CHAT, api_base=provider_url), "key-0123456789")
    if host is not None:
        service.put_credential(name, "langfuse", {"public_key": "pk", "secret_key": "sk", "host": host})


def call(tenant_id: str, number: int) -> float:
    """The milliseconds of one."""
    began = perf_counter()
    bootstrap.chat_service().invoke(Caller(tenant_id, f"{number}", Deadline.after(60)), _ADDRESS, _REQUEST)
    return (perf_counter() - began) * 1000


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracing", description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="calls of each tenant (default: 200)")
    calls: int = parser.parse_args().calls
    with TemporaryDirectory() as folder, emulator(folder) as aws:
        env = environment(aws["AWS_ENDPOINT_URL"])
        create_all(env)
        os.environ.update(env | {"ALLOW_PRIVATE_PROVIDERS": "true", "CONFIG_TTL": "3600", "SECRET_TTL": "3600"})
        bootstrap.reset()
        with tenants() as langfuses:
            times: dict[str, list[float]] = {name: [] for name in langfuses}
            for number in range(-5, calls):
                for name, seen in times.items():
                    took = call(name, number)
                    if number >= 0:
                        seen.append(took)
            asked = sum(len(server.server.requests) for server in langfuses.values() if server)
            plain = median(times["none"])
            for name, seen in times.items():
                p95 = quantiles(seen, n=20)[-1]
                print(f"{name:<8}median {median(seen):6.1f} ms, p95 {p95:6.1f} ms, x{median(seen) / plain:.2f}")
            print(f"a Langfuse was asked {asked} times meanwhile")
            while deliver(env, "export_traces")[1]:
                continue
            good = langfuses["good"]
            print(f"the good one got {len(good.spans) if good else 0} spans of {calls + 5} calls")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m local``: the whole bundle on a laptop, with an embedded AWS, a demo tenant and an offline provider."""

import argparse
import logging
import os
import socket
from contextlib import suppress
from threading import Event, Thread
from time import sleep

import uvicorn
from starlette.applications import Starlette

from local.aws import embedded_aws
from local.queue import draining
from local.sandbox_provider import app as sandbox
from local.seed import RealProvider, langfuse_keys, real_provider, seed
from local.server import application

_HOST = "127.0.0.1"
_LOCAL = {
    "ALLOW_PRIVATE_PROVIDERS": "true",  # the sandbox is on loopback
    "HTTP_TIMEOUT_MILLIS": "120000",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "WARNING",
}


def main() -> None:
    """Start everything, say what can be tried, serve until interrupted."""
    arguments = _arguments()
    say("1/4 embedded AWS: tables, queues and secrets as template.yaml declares them …")
    with embedded_aws() as env:
        os.environ.update(env | _LOCAL)
        say("2/4 sandbox provider: offline, on loopback, no model behind it …")
        sandbox_url = f"http://{_HOST}:{serve(sandbox, free_port())}/v1"
        say("3/4 demo tenant: six models, defaults, a token …")
        real = real_provider(os.environ)
        langfuse = langfuse_keys(os.environ)
        token = seed(sandbox_url, real, langfuse)
        say("4/4 HTTP API …")
        port = serve(application(), arguments.port)
        say(invitation(f"http://{_HOST}:{port}", token, real, traced=langfuse is not None))
        with draining(env), suppress(KeyboardInterrupt):
            Event().wait()
    say("Stopped; nothing was kept.")


def serve(app: Starlette, port: int) -> int:
    """Serve an application from a thread of its own; returns the port once it listens.

    Raises:
        RuntimeError: When it could not start, as on a port that is taken.
    """
    server = uvicorn.Server(uvicorn.Config(app, _HOST, port, log_level=logging.WARNING, lifespan="off"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError(f"could not listen on {_HOST}:{port}; try another with: make run PORT=8081")
        sleep(0.01)
    return port


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])


def invitation(url: str, token: str, real: RealProvider | None, *, traced: bool) -> str:
    """What to paste into another terminal."""
    who = f"the real model {real.model.address!r}" if real else "the offline sandbox (no model is asked)"
    told = "Calls are told to your Langfuse." if traced else "Set LANGFUSE_PUBLIC_KEY, _SECRET_KEY and _HOST to trace."
    return f"""
Ready on {url}. Chat is answered by {who}.
Set OPENAI_API_KEY, or OPENAI_BASE_URL for any compatible server, and run again to ask a real one.
{told}

export TOKEN={token}

A chat:
  curl -s {url}/v1/chat/completions -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\
    -d '{{"messages": [{{"role": "user", "content": "Hello, how can I help you?"}}]}}'
The tenant's models:
  curl -s {url}/v1/models -H "authorization: Bearer $TOKEN"
Its usage, with the tokens of that chat:
  curl -s {url}/v1/usage -H "authorization: Bearer $TOKEN"
The same as a chart:
  TENANT_LLM_TOKEN=$TOKEN .venv/bin/python -m tools.usage --url {url}

Ctrl-C stops it.
"""


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="port of the HTTP API (default: 8080)")
    return parser.parse_args()


if __name__ == "__main__":
    main()

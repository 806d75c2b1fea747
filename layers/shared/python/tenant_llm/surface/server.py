"""``python -m tenant_llm.surface.server PORT``: a function's routes on loopback, where the Lambda Web Adapter asks.

Lambda starts this in place of its own runtime: see ``layers/shared/bin/serve``.
"""

import sys
from importlib import import_module

import uvicorn

from tenant_llm.surface.streaming import streaming


def main(port: int) -> None:
    """Serve until Lambda ends the process."""
    uvicorn.run(
        streaming(import_module("handler").ROUTES),
        host="127.0.0.1",
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))

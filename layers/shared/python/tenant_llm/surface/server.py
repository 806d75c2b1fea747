"""``python -m tenant_llm.surface.server``: a function's routes on loopback, where the Lambda Web Adapter finds them.

Lambda starts this in place of its own runtime: see ``layers/shared/bin/serve``.
"""

from importlib import import_module

import uvicorn

from tenant_llm.surface.streaming import streaming

PORT = 8080
"""Where the adapter looks for a function unless it is told otherwise."""


def main() -> None:
    """Serve until Lambda ends the process."""
    uvicorn.run(
        streaming(import_module("handler").ROUTES),
        host="127.0.0.1",
        port=PORT,
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
    main()

"""What a function does around the snapshot that Lambda starts it from (SnapStart).

Lambda initialises a published version once, keeps its memory, and starts every environment from that copy. So the more
is ready before the snapshot the less a first call waits, and nothing may be in it that only one environment may have:
no open connection, no tenant's data, no state of a random generator. Initialising reads no tenant and no secret, and
opens no connection; what is warmed here does neither.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

import random
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec

from tenant_llm.settings import from_snapshot, in_lambda
from tenant_llm.telemetry import logs

# Of each model type's service the wire that most of its providers speak; any other is loaded by its first call.
_USUAL = {
    "tenant_llm.services.chat": "tenant_llm.dialects.openai.chat",
    "tenant_llm.services.embedding": "tenant_llm.dialects.openai.embedding",
    "tenant_llm.services.rerank": "tenant_llm.dialects.jina.rerank",
    "tenant_llm.services.speech2text": "tenant_llm.dialects.openai.speech2text",
    "tenant_llm.services.tts": "tenant_llm.dialects.openai.tts",
}
_TELEMETRY = ("aws_lambda_powertools.logging", "aws_lambda_powertools.metrics")
_HOOKS = "snapshot_restore_py"  # part of Lambda's Python runtime


def prepare(build: Callable[[], object] | None) -> None:
    """Build a function's services at once inside Lambda, where initialising costs callers nothing, and not elsewhere.

    Libraries are hushed before they can log anything.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html

    Where a snapshot will be taken, its hooks are registered, too. A function behind the Lambda Web Adapter has no
    runtime that would call them; there ``streaming`` does.
    """
    if not in_lambda():
        return
    logs.hush_libraries()
    if build is not None:
        build()
    if from_snapshot() and find_spec(_HOOKS) is not None:
        hooks = import_module(_HOOKS)
        hooks.register_before_snapshot(before)
        hooks.register_after_restore(after)


def before() -> None:
    """Load what the function's first call would load; called by Lambda before it takes the snapshot."""
    for name in _first_needed():
        import_module(name)
    if "tenant_llm.repositories.tables" in sys.modules:
        from tenant_llm.repositories.tables import connection

        connection().client.close()  # made here, since that takes long; closed, it opens connections when it is used
    if "tenant_llm.transport.http" in sys.modules:  # it calls providers
        from tenant_llm.catalogue.load import providers
        from tenant_llm.transport.client import ssl_context

        ssl_context()
        providers()


def after() -> None:
    """Be unlike the other environments of the same snapshot; called by Lambda before the first call.

    ``random`` spreads repeats over time, which it could not if all environments drew the same numbers. Keys, ids and
    whatever else must be unique come from the operating system, which Lambda sees to.
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
    """
    random.seed()


def _first_needed() -> Iterator[str]:
    yield from _TELEMETRY
    yield from (dialect for service, dialect in _USUAL.items() if service in sys.modules)

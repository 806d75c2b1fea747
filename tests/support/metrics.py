"""What ``telemetry/metrics.py`` writes, found by running all of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from inspect import getmembers, isfunction, signature
from io import StringIO
from itertools import product
from typing import Any

import pytest

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import JsonObject
from tenant_llm.telemetry import metrics

CONFIG = ModelConfig("tenant123", "gpt-4", "OpenAI", ModelType.CHAT, "openai", "https://api.openai.com/v1", "gpt-4")
USAGE = Usage(3, 4, cached_tokens=2, reasoning_tokens=1, estimated=True)
STACK = "tenant-llm-prod"
# A counter with another parameter has to say here what it may be called with.
_VALUES: dict[str, tuple[Any, ...]] = {
    "config": (CONFIG,),
    "usage": (USAGE,),
    "ms": (12.5,),
    "first_ms": (3.5, None),
    "code": ("rate_limit_exceeded",),
    "kind": ("soft", "hard"),
    "state": ("open", "closed", "half_open"),
}


def inside_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let metrics be written, as a function of ``STACK`` writes them."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", STACK)


def counters() -> dict[str, Callable[..., None]]:
    """Name → function, of every public counter."""
    return {name: function for name, function in getmembers(metrics, isfunction) if name.startswith("count_")}


def written(count: Callable[..., None]) -> list[JsonObject]:
    """The lines of a counter, called with every combination of what its parameters may be."""
    names = list(signature(count).parameters)
    out = StringIO()
    with redirect_stdout(out):
        for values in product(*(_VALUES[name] for name in names)):
            count(**dict(zip(names, values, strict=True)))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def emitted() -> Iterator[tuple[str, frozenset[str], str]]:
    """Name, names of the dimensions and unit of each metric that the code writes, under each set of dimensions."""
    for count in counters().values():
        for line in written(count):
            for directive in line["_aws"]["CloudWatchMetrics"]:
                for metric, dimensions in product(directive["Metrics"], directive["Dimensions"]):
                    yield metric["Name"], frozenset(dimensions), metric["Unit"]

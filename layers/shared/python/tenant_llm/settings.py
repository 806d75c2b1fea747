"""Everything the environment decides, read once; the only reader of ``os.environ``."""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of resources, limits and times; ``template.yaml`` sets the variables, times are in seconds.

    ``http_timeout_millis`` is how long API Gateway waits for a function. ``builtin_base_url`` is the
    text-embeddings-inference endpoint that serves the keyless built-in models, empty where there is none; such a server
    has one model, so ``{model}`` in it stands for the model's name, by which a proxy finds the right one.
    ``allow_private_providers`` lets base URLs be ``http:`` and private addresses: for a laptop, or a
    provider inside the VPC. ``assumable_role_arn`` is the pattern of the tenants' AWS roles that may be taken on, empty
    for none; ``external_id_prefix`` stands before the tenant's id in their external id, and where it is empty
    ``secret_prefix`` does. ``settlement_queue_url`` is the SQS queue of settlements that DynamoDB refuses, empty where
    there is none; ``trace_queue_url`` is that of what is told to the tenants' Langfuse, empty where nothing is told.
    ``max_body_bytes`` bounds a caller's body, ``max_answer_bytes`` a provider's.
    """

    tenant_llm_table: str
    tenant_table: str
    usage_table: str
    api_token_table: str
    secret_prefix: str
    provider_timeout: float = 600.0
    connect_timeout: float = 5.0
    provider_attempts: int = 3
    config_ttl: float = 60.0
    secret_ttl: float = 300.0
    ledger_days: int = 400
    http_timeout_millis: int = 29_000
    max_body_bytes: int = 6 * 1024 * 1024
    max_answer_bytes: int = 64 * 1024 * 1024
    allow_private_providers: bool = False
    builtin_base_url: str = ""
    assumable_role_arn: str = ""
    external_id_prefix: str = ""
    settlement_queue_url: str = ""
    trace_queue_url: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read ``TENANT_LLM_TABLE``, ``TENANT_TABLE`` and so on: the field's name in capitals.

        Raises:
            ValueError: When a variable is missing or not of its field's type; the message names it.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            variable = field.name.upper()
            if (text := env.get(variable)) is not None:
                try:
                    values[field.name] = _READ[field.type](text)
                except (KeyError, ValueError):
                    raise ValueError(f"{variable} is {text!r}: not a {field.type}") from None
            elif field.default is MISSING:
                raise ValueError(f"{variable} is not set")
        return cls(**values)


_READ: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: {"true": True, "false": False}.__getitem__,
}


@cache
def settings() -> Settings:
    """This process's settings."""
    return Settings.from_env()


def in_lambda(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a Lambda environment, by a variable that Lambda sets in each of them.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return "AWS_LAMBDA_INITIALIZATION_TYPE" in env


def service_name(env: Mapping[str, str] = os.environ) -> str:
    """Whose logs and metrics these are: the stack's name, by the variable that Powertools has for it.

    https://docs.aws.amazon.com/powertools/python/latest/environment_variables/
    """
    return env.get("POWERTOOLS_SERVICE_NAME", "tenant-llm")


def from_snapshot(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Lambda environment that a snapshot is made from, or that was started from one."""
    return env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"

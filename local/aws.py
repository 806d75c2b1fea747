"""AWS on a loopback port: tables and queues as ``template.yaml`` declares them, and Secrets Manager, in memory.

It is moto's server behind werkzeug's, one request at a time: moto's transactions are not atomic when threads share it.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import Any, override
from urllib.request import Request, urlopen

from local.template import resources, tables

_REGION = "us-east-1"
ACCOUNT = "123456789012"
"""The account's number at the emulators."""
_KEY = ACCOUNT  # whatever stands here is accepted; ministack takes it for the account


@contextmanager
def embedded_aws(host: str = "127.0.0.1", port: int = 0) -> Iterator[dict[str, str]]:
    """Serve AWS until the block ends; port 0 is a free one.

    Yields:
        The environment variables that point an AWS SDK, and our settings, to it.
    """
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        @override
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Nothing: every call would fill the terminal."""

    app = DomainDispatcherApplication(create_backend_app)
    server = make_server(host, port, app, threaded=False, request_handler=Quiet)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="embedded-aws", daemon=True)
    thread.start()
    try:
        env = environment(f"http://{host}:{server.port}")
        create_all(env)
        yield env
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environment(endpoint: str, suffix: str = "") -> dict[str, str]:
    """The variables that point to an AWS at ``endpoint``; ``suffix`` keeps names apart that share one."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _KEY,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_REGION": _REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SECRET_PREFIX": f"tenant-llm{suffix}/",
        "TENANT_LLM_TABLE": f"TenantLLM{suffix}",
        "TENANT_TABLE": f"Tenant{suffix}",
        "USAGE_TABLE": f"Usage{suffix}",
        "API_TOKEN_TABLE": f"ApiToken{suffix}",
        "SETTLEMENT_QUEUE_URL": f"{endpoint}/{ACCOUNT}/UsageQueue{suffix}",
        "TRACE_QUEUE_URL": f"{endpoint}/{ACCOUNT}/TraceQueue{suffix}",
    }


def create_all(env: Mapping[str, str]) -> None:
    """Create the template's tables and queues."""
    create_tables(env)
    create_queues(env)


def create_queues(env: Mapping[str, str]) -> None:
    """Create the queues under ``env``'s names, and their dead-letter queues, which are called ``…-dead``."""
    client = client_of(env, "sqs")
    for kind, variable in (("Usage", "SETTLEMENT_QUEUE_URL"), ("Trace", "TRACE_QUEUE_URL")):
        name = env[variable].rpartition("/")[2]
        of_dead = _attributes(f"{kind}DeadLetterQueue")
        dead = client.create_queue(QueueName=f"{name}-dead", Attributes=of_dead)["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = _attributes(f"{kind}Queue")
        redrive = json.dumps({**json.loads(attributes["RedrivePolicy"]), "deadLetterTargetArn": arn})
        client.create_queue(QueueName=name, Attributes={**attributes, "RedrivePolicy": redrive})


def _attributes(logical_id: str) -> dict[str, str]:
    properties = resources()[logical_id]["Properties"]
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in properties.items()}


def create_tables(env: Mapping[str, str]) -> None:
    """Create the template's tables, with their indexes and expiry, at ``env``'s endpoint under ``env``'s names."""
    client = client_of(env, "dynamodb")
    for logical_id, properties in tables().items():
        name = env[_variable(logical_id)]
        client.create_table(
            TableName=name,
            **{
                key: properties[key]
                for key in ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
                if key in properties
            },
        )
        if "TimeToLiveSpecification" in properties:
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])


def reset(env: Mapping[str, str]) -> None:
    """Forget everything that is stored, and create tables and queues again."""
    with urlopen(Request(f"{env['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST")) as answer:  # noqa: S310 - loopback
        answer.read()
    create_all(env)


def client_of(env: Mapping[str, str], service: str) -> Any:
    """The process's client of that service at ``env``'s endpoint."""
    return _client(env["AWS_ENDPOINT_URL"], env["AWS_REGION"], service)


@cache
def _client(endpoint: str, region: str, service: Any) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=_KEY,
        aws_secret_access_key=_KEY,
    )


def _variable(logical_id: str) -> str:
    """``TenantLLMTable`` → ``TENANT_LLM_TABLE``, as the template passes the names on."""
    words = {"TenantLLMTable": "TENANT_LLM_TABLE", "ApiTokenTable": "API_TOKEN_TABLE"}
    return words.get(logical_id, logical_id.removesuffix("Table").upper() + "_TABLE")

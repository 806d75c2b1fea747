"""AWS on a loopback port: DynamoDB tables as ``template.yaml`` declares them, and Secrets Manager, in memory.

It is moto's server behind werkzeug's, one request at a time: moto's transactions are not atomic when threads share it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any, override
from urllib.request import Request, urlopen

from local.template import tables

_REGION = "us-east-1"
_KEY = "local"  # whatever stands here is accepted


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
        create_tables(env)
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
    }


def create_tables(env: Mapping[str, str]) -> None:
    """Create the template's tables, with their indexes and expiry, at ``env``'s endpoint under ``env``'s names."""
    client = _client(env, "dynamodb")
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
    """Forget everything that is stored, and create the tables again."""
    with urlopen(Request(f"{env['AWS_ENDPOINT_URL']}/moto-api/reset", method="POST")) as answer:  # noqa: S310 - loopback
        answer.read()
    create_tables(env)


def _client(env: Mapping[str, str], service: Any) -> Any:
    import boto3

    return boto3.client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )


def _variable(logical_id: str) -> str:
    """``TenantLLMTable`` → ``TENANT_LLM_TABLE``, as the template passes the names on."""
    words = {"TenantLLMTable": "TENANT_LLM_TABLE", "ApiTokenTable": "API_TOKEN_TABLE"}
    return words.get(logical_id, logical_id.removesuffix("Table").upper() + "_TABLE")

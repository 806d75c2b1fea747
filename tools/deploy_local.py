"""``python -m tools.deploy_local ARCHITECTURE``: deploys what ``make build`` built to an emulator, and uses it.

The emulator runs CloudFormation with SAM's transform, API Gateway with the authorizer, versions, aliases and the hooks
around a snapshot, and the functions from their layers, each in a process of its own. What it is given is the built
template, but for three things. The Lambda Web Adapter is published as a layer of AWS's alone: the functions that stream
lose that layer, the variable that starts it and the transfer mode of their routes, and answer as the buffered functions
that their folders hold, too. And parameters of the transform have their defaults there, so that the release is written
into the template's. It refuses alarms on more than one metric, and gets none. It knows no IAM, no gateway responses of
ours, no timeouts, no CodeDeploy: a gradual deployment is not tried.

Then: the end-to-end tests over the stack's API; calls by the alias and messages in the queue, counted; another release;
and every built function under the client of Lambda's own runtime, from a snapshot, with its variables in the stack.
"""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import sleep
from typing import Any

import boto3

from local.__main__ import free_port, say, serve
from local.sandbox_provider import app as sandbox
from local.seed import TENANT, seed
from local.template import load
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import encode
from tenant_llm.domain.usage import Usage
from tools.deploy import command
from tools.runtime_api import running
from tools.stack import ALIAS, Stack, stack

_BUILD = Path(".aws-sam/build")
_LAYERS = tuple(_BUILD / name / "python" for name in ("DependenciesLayer", "SharedLayer"))
_EVENTS = Path("events")
_EMULATOR = Path(".ministack/bin/ministack")
_STAGE = "local"
_TRIES = 60
_HOST = "127.0.0.1"
_HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def main() -> None:
    """Deploy and use; ends with a message where something is not as it should be."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("architecture")
    architecture: str = parser.parse_args().architecture
    with TemporaryDirectory() as folder, emulator(folder) as env:
        os.environ.update(env)
        template = understood(Path(folder), "template.yaml")
        say("Deploying the stack …")
        deploy(template, architecture)
        deployed = stack(boto3.client("cloudformation"), _STAGE)
        first = live_versions()
        say("Running the end-to-end tests over its API …")
        os.environ.update({**deployed.environment(), "ALLOW_PRIVATE_PROVIDERS": "true"})
        test_end_to_end(env["AWS_ENDPOINT_URL"])
        say("Calling its functions by their alias, and by the queue …")
        token = seed(f"http://{_HOST}:{serve(sandbox, free_port())}/v1", None)
        call_and_count(deployed)
        say("Looking at the dashboard and the alarms …")
        look()
        say("Running the built functions under Lambda's own runtime, from a snapshot …")
        run_all(token)
        say("Deploying a release that differs by a parameter …")
        deploy(template, architecture, "LogLevel=DEBUG")
        expect(
            "functions whose alias stayed", [name for name, one in live_versions().items() if one == first[name]], []
        )
    say("The stack deploys, answers, counts right and moves to a new release.")


def understood(folder: Path, name: str) -> Path:
    """A copy of a built template, and of those it holds, in which nothing streams and no alarm calculates.

    Paths in it are absolute.
    """
    built = load(_BUILD / name)
    for logical_id, resource in list(built["Resources"].items()):
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::CloudFormation::Stack":
            properties["TemplateURL"] = str(understood(folder, properties["TemplateURL"]))
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            del built["Resources"][logical_id]
        for place in {"CodeUri", "ContentUri"} & properties.keys():
            properties[place] = str((_BUILD / properties[place]).resolve())
        variables = properties.get("Environment", {}).get("Variables", {})
        if variables.pop("AWS_LAMBDA_EXEC_WRAPPER", None):
            del properties["Layers"]
            for event in properties["Events"].values():
                del event["Properties"]["ResponseTransferMode"]
    copy = folder / f"{Path(name).parent.name}-template.json"
    copy.write_text(json.dumps(built, default=str))  # the version of a policy's language reads as a date
    return copy


def deploy(template: Path, architecture: str, *parameters: str) -> None:
    """Create the stack, or change it."""
    own = [f"Architecture={architecture}", "AllowPrivateProviders=true"]  # the providers are on loopback
    own += ["AlarmEmail=operators@example.com", *parameters]
    deploying = command(_STAGE, own)
    built = json.loads(template.read_text())
    built["Parameters"]["Release"]["Default"] = deploying[-1].removeprefix("Release=")
    template.write_text(json.dumps(built))
    options = ["--template-file", str(template), "--config-file", str(Path("samconfig.toml").resolve())]
    deploying = [*deploying, *options, "--no-confirm-changeset"]
    deployed = subprocess.run(deploying, capture_output=True, text=True, check=False)  # noqa: S603
    if deployed.returncode:
        sys.exit(f"{deployed.stdout[-4000:]}{deployed.stderr[-4000:]}")


@contextmanager
def emulator(folder: str) -> Iterator[dict[str, str]]:
    """An empty AWS until the block ends; yields the variables that point to it."""
    port = free_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{_HOST}:{port}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }
    own = {"GATEWAY_PORT": str(port), "BIND_HOST": _HOST, "TMPDIR": folder, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(  # noqa: S603 - our own installation
        [_EMULATOR], env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if not any("Running on http" in line for line in process.stdout):
                sys.exit("the emulator ended before it listened")
            Thread(target=process.stdout.read, daemon=True).start()  # it would stop at a full pipe
            yield env
        finally:
            process.terminate()


def live_versions() -> dict[str, str]:
    """The version of each function that callers reach, which is a published one and starts from a snapshot."""
    client, versions = boto3.client("lambda"), {}
    active = client.get_waiter("published_version_active")  # CloudFormation waits for this, the emulator's does not
    for name in [one["FunctionName"] for one in client.list_functions()["Functions"]]:
        active.wait(FunctionName=name, Qualifier=ALIAS, WaiterConfig={"Delay": 1, "MaxAttempts": _TRIES})
        found = client.get_function_configuration(FunctionName=name, Qualifier=ALIAS)
        expect(f"the snapshot of {name}", found["SnapStart"]["ApplyOn"], "PublishedVersions")
        versions[name] = found["Version"]
    expect("functions without a version", [name for name, version in versions.items() if not version.isdigit()], [])
    return versions


def test_end_to_end(endpoint: str) -> None:
    """Run ``tests/e2e`` against the stack."""
    (api,) = boto3.client("apigateway").get_rest_apis()["items"]
    url = f"{endpoint}/restapis/{api['id']}/{_STAGE}/_user_request_"
    tests = [sys.executable, "-m", "pytest", "tests/e2e", "-q", "-rfs", "--tb=short", "-p", "no:cacheprovider"]
    status = subprocess.run(tests, env=os.environ | {"E2E_STACK_URL": url}, check=False).returncode  # noqa: S603
    expect("the status of the end-to-end tests", status, 0)


def call_and_count(deployed: Stack) -> None:
    """One call twice directly, one message twice in the queue; then the accounts."""
    answers = [invoke("invoke-chat", request_id="first", **_HELLO) for _ in range(2)]
    tokens = answers[0]["usage"]["total_tokens"]
    expect("calls and tokens", counted(), [1, tokens])
    queue(deployed)
    expect("calls and tokens with a queued one", counted(), [2, tokens + 7])


def counted() -> list[int]:
    """Calls and tokens of the tenant."""
    totals = invoke("increase-usage", operation="get_usage")["totals"]
    return [totals["calls"], totals["total_tokens"]]


def look() -> None:
    """The stage's dashboard can be read, and its alarms are there under its name and tell the topic of its address."""
    client, name = boto3.client("cloudwatch"), f"tenant-llm-{_STAGE}"
    body = json.loads(client.get_dashboard(DashboardName=name)["DashboardBody"])
    (names,) = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    alarms = client.describe_alarms(AlarmNamePrefix=f"{name}-")["MetricAlarms"]
    expect("alarms that the dashboard does not name", {one["AlarmArn"] for one in alarms} - set(names), set())
    (topic,) = [one["TopicArn"] for one in boto3.client("sns").list_topics()["Topics"]]
    expect("who is told of alarms", {told for one in alarms for told in one["AlarmActions"]}, {topic})


def queue(deployed: Stack) -> None:
    """Put a settlement into the usage queue, twice, and wait until the function has taken both."""
    used, now = Usage(3, 4), datetime.now(UTC)
    address = "sandbox-chat@OpenAI-API-Compatible"
    settlement = Settlement(TENANT, "late", "sandbox-chat", "OpenAI-API-Compatible", ModelType.CHAT, used, now, address)
    client = boto3.client("sqs")
    url = deployed.outputs["SettlementQueueUrl"]
    for _ in range(2):
        client.send_message(QueueUrl=url, MessageBody=json.dumps(encode(settlement)))
    names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for _ in range(_TRIES):
        waiting = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        if not any(int(waiting[name]) for name in names):
            return
        sleep(1)
    sys.exit("the queue is not drained")


def invoke(function: str, **event: Any) -> Any:
    """What a function of the stack returns to a direct invocation for the demo tenant."""
    answer = boto3.client("lambda").invoke(
        FunctionName=f"tenant-llm-{_STAGE}-{function}",
        Qualifier=ALIAS,
        Payload=json.dumps({"tenant_id": TENANT, **event}).encode(),
    )
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or "error" in body:
        sys.exit(f"{function} answers {body}")
    return body


def run_all(token: str) -> None:
    """Every built function answers an event of ``events/`` with nothing but its folder, the layers and the runtime."""
    for folder in sorted(path.parent for path in _BUILD.glob("*/handler.py")):
        if not folder.name.startswith("Stream"):  # the same code, which the adapter would ask
            answer = run(folder, token)
            expect(f"an error of {folder.name}", "error" in answer, wanted=False)
            say(f"  {folder.name}: {', '.join(sorted(answer))}")


def run(built: Path, token: str) -> Mapping[str, Any]:
    """What a built function returns, whose snapshot is taken before the call."""
    dashed = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in built.name)[1:]
    name = dashed.removesuffix("-function")
    found = boto3.client("lambda").get_function_configuration(FunctionName=f"tenant-llm-{_STAGE}-{name}")
    aws = {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
    with running((built, *_LAYERS), aws | found["Environment"]["Variables"], snapshot=True) as function:
        function.wait_for_snapshot()
        function.restore.set()
        answer: Mapping[str, Any] = function.invoke(event_for(name, token))
    return answer


def event_for(name: str, token: str) -> dict[str, Any]:
    """The function's event file, for the demo tenant and its own models."""
    if name == "authorize":
        event: dict[str, Any] = json.loads((_EVENTS / "http" / "authorize_token.json").read_text())
        return event | {"authorizationToken": f"Bearer {token}"}
    if name == "export-traces":  # of a tenant that is not there: it is dropped
        dropped: dict[str, Any] = json.loads((_EVENTS / "queue" / "export_traces.json").read_text())
        return dropped
    event = json.loads((_EVENTS / "direct" / f"{name.replace('-', '_')}.json").read_text())
    if name != "admin":
        del event["llm_name"]
    return event | {"tenant_id": TENANT}


def expect(what: str, seen: object, wanted: object) -> None:
    """Go on if they are the same.

    Raises:
        SystemExit: When they are not.
    """
    if seen != wanted:
        sys.exit(f"{what}: {seen}, not {wanted}")


if __name__ == "__main__":
    main()

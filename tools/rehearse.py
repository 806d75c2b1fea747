"""``python -m tools.rehearse``: deploys what ``make build`` built to an emulator and calls it as a first tenant does.

The emulator runs CloudFormation with SAM's transform, API Gateway with the authorizer, and the functions from their
layers, each in a process of its own. It knows no IAM, no gateway responses, no timeouts and no Lambda Web Adapter: the
functions that stream are deployed as the buffered ones that their folders hold, too. Nor does it know alarms on more
than one metric: they are left out.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3

from local.__main__ import free_port, say, serve
from local.sandbox_provider import app as sandbox
from local.template import load
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import encode
from tenant_llm.domain.usage import Usage
from tools.stack import stack

_BUILD = Path(".aws-sam/build")
_EMULATOR = Path(".ministack/bin/ministack")
_SAM = Path(".sam/bin/sam")
_STAGE = "rehearsal"
_STACK = f"tenant-llm-{_STAGE}"
_MODEL = "gpt-4o-mini@OpenAI"
_TRIES = 60
_HOST = "127.0.0.1"
_HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


def main() -> None:
    """Deploy, set up, call, compare; ends with a message where something is not as it should be."""
    architecture = sys.argv[1]
    with TemporaryDirectory() as folder, emulator(folder) as env:
        os.environ.update(env)
        say("Deploying the stack …")
        # The sandbox is on loopback.
        parameters = [f"Architecture={architecture}", "AllowPrivateProviders=true", "AlarmEmail=operators@example.com"]
        command = [str(_SAM), "deploy", "--template-file", str(understood()), "--stack-name", _STACK]
        command += ["--config-file", str(Path("samconfig.toml").resolve()), "--no-confirm-changeset"]
        command += ["--parameter-overrides"]
        deployed = subprocess.run([*command, *parameters], capture_output=True, text=True, check=False)  # noqa: S603
        if deployed.returncode:
            sys.exit(f"{deployed.stdout[-2000:]}{deployed.stderr[-2000:]}")
        say("Setting up a tenant …")
        token = set_up(f"http://{_HOST}:{serve(sandbox, free_port())}/v1")
        say("Calling …")
        call(env["AWS_ENDPOINT_URL"], token)
        say("Looking at the dashboard and the alarms …")
        look()
    say("The stack deploys, and counts its first calls right.")


def understood(name: str = "template.yaml") -> Path:
    """A copy of a built template, and of those it holds, in which nothing streams and no alarm calculates."""
    built = load(_BUILD / name)
    for logical_id, resource in list(built["Resources"].items()):
        properties = resource.get("Properties", {})
        variables = properties.get("Environment", {}).get("Variables", {})
        if variables.pop("AWS_LAMBDA_EXEC_WRAPPER", None):
            del properties["Layers"]
            for event in properties["Events"].values():
                del event["Properties"]["ResponseTransferMode"]
        if resource["Type"] == "AWS::CloudFormation::Stack":
            properties["TemplateURL"] = str(understood(properties["TemplateURL"]).relative_to(_BUILD))
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            del built["Resources"][logical_id]
    copy = (_BUILD / name).with_name("rehearsal.json")
    copy.write_text(json.dumps(built, default=str))  # the version of a policy's language reads as a date
    return copy


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


def set_up(provider_url: str) -> str:
    """A tenant with a model, its key and a token, which is returned."""
    admin = partial(invoke, "admin", tenant_id="acme")
    admin(operation="create_tenant", name="Acme GmbH")
    model = {"llm_name": "gpt-4o-mini", "llm_factory": "OpenAI", "model_type": "chat", "api_base": provider_url}
    admin(operation="put_model", **model)
    admin(operation="put_credential", place="OpenAI", api_key="sk-rehearsal-0000")
    admin(operation="set_defaults", llm_id=_MODEL)
    return str(admin(operation="issue_token", label="rehearsal")["token"])


def call(endpoint: str, token: str) -> None:
    """One call twice directly, one over HTTP, one without a valid token, one from the queue; then the accounts."""
    answers = [invoke("invoke-chat", tenant_id="acme", request_id="first", **_HELLO) for _ in range(2)]
    (api,) = boto3.client("apigateway").get_rest_apis()["items"]
    route = partial(over_http, f"{endpoint}/restapis/{api['id']}/dev/_user_request_/v1")
    status, answer = route("/chat/completions", token, _HELLO)
    expect("the status of a call", status, 200)
    expect("the status of a call with a wrong token", route("/chat/completions", "tllm_wrong", _HELLO)[0], 401)
    _, usage = route("/usage", token)
    tokens = sum(one["usage"]["total_tokens"] for one in (answers[0], answer))
    expect("calls and tokens", [usage["totals"][name] for name in ("calls", "total_tokens")], [2, tokens])
    queue()
    _, usage = route("/usage", token)
    expect(
        "calls and tokens with a queued one",
        [usage["totals"][name] for name in ("calls", "total_tokens")],
        [3, tokens + 7],
    )


def look() -> None:
    """The stage's dashboard can be read, and its alarms are there under its name and tell the topic of its address."""
    client = boto3.client("cloudwatch")
    body = json.loads(client.get_dashboard(DashboardName=_STACK)["DashboardBody"])
    (names,) = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    alarms = client.describe_alarms(AlarmNamePrefix=f"{_STACK}-")["MetricAlarms"]
    expect("alarms that the dashboard does not name", {one["AlarmArn"] for one in alarms} - set(names), set())
    (topic,) = [one["TopicArn"] for one in boto3.client("sns").list_topics()["Topics"]]
    expect("who is told of alarms", {told for one in alarms for told in one["AlarmActions"]}, {topic})


def queue() -> None:
    """Put a settlement into the usage queue, twice, and wait until the function has taken both."""
    used, now = Usage(3, 4), datetime.now(UTC)
    settlement = Settlement("acme", "late", "gpt-4o-mini", "OpenAI", ModelType.CHAT, used, now, _MODEL)
    client = boto3.client("sqs")
    url = stack(boto3.client("cloudformation"), _STAGE).outputs["SettlementQueueUrl"]
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
    """What a function of the stack returns to a direct invocation."""
    client = boto3.client("lambda")
    answer = client.invoke(FunctionName=f"{_STACK}-{function}", Payload=json.dumps(event).encode())
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or "error" in body:
        sys.exit(f"{function} answers {body}")
    return body


def over_http(base: str, path: str, token: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
    """The status and the decoded answer of a route."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    try:
        with urlopen(Request(base + path, data, headers)) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def expect(what: str, seen: object, wanted: object) -> None:
    """Go on if they are the same.

    Raises:
        SystemExit: When they are not.
    """
    if seen != wanted:
        sys.exit(f"{what}: {seen}, not {wanted}")


if __name__ == "__main__":
    main()

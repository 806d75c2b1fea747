"""What ``template.yaml`` promises beside routes: settings, guards, rights, tables, the gateway's own answers."""

import json
import os
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from local.template import resources, statements, tables, template
from tenant_llm.domain import errors, trace_json
from tenant_llm.repositories.usage_ledger import MOST_TOGETHER
from tenant_llm.services import trace_export, usage
from tenant_llm.settings import Settings
from tenant_llm.surface import queue_events
from tenant_llm.surface.streaming import SNAPSHOT

_ROOT = Path(__file__).parents[2]
_FIELDS = {field.name.upper(): field for field in fields(Settings)}
_DAY = 24 * 60 * 60
_POWERTOOLS = "POWERTOOLS_"  # what the library's own code reads


def _variables() -> dict[str, Any]:
    variables: dict[str, Any] = template()["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for name, resource in resources().items() if resource["Type"] == kind}


_STREAMS = [name for name in _of_type("AWS::Serverless::Function") if name.startswith("Stream")]


def _statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, policy in _of_type("AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in statements(policy["PolicyDocument"]))
    for name, function in _of_type("AWS::Serverless::Function").items():
        documents = [policy for policy in function["Policies"] if "Statement" in policy]
        yield from ((name, statement) for document in documents for statement in document["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _default(value: Any, parameters: dict[str, Any]) -> str:
    """A variable as CloudFormation would make it of the parameters' defaults; a resource is its logical id."""
    if not isinstance(value, dict):
        return str(value)
    name = value.get("Ref", value.get("Fn::Sub"))
    return str(parameters[name]["Default"]) if name in parameters else str(name)


def test_a_functions_variables_are_settings_and_every_required_one_is_set() -> None:
    ours = {name for name in _variables() if not name.startswith(_POWERTOOLS)}

    assert ours <= _FIELDS.keys()
    assert {name for name, field in _FIELDS.items() if field.default is MISSING} <= ours


def test_the_parameters_defaults_are_the_settings_defaults() -> None:
    parameters = template()["Parameters"]

    read = Settings.from_env({name: _default(value, parameters) for name, value in _variables().items()})

    for name, value in _variables().items():
        if name.startswith(_POWERTOOLS) or value.get("Ref") in resources():
            continue
        if (field := _FIELDS[name]).default is not MISSING:
            assert getattr(read, field.name) == field.default, name


def test_the_page_on_deploying_names_every_parameter_and_every_setting() -> None:
    page = (_ROOT / "docs" / "deploying.md").read_text()

    assert [name for name in (*template()["Parameters"], *_FIELDS) if f"`{name}`" not in page] == []


def test_every_function_initialises_from_both_layers() -> None:
    function = template()["Globals"]["Function"]

    assert function["Layers"] == [{"Ref": "DependenciesLayer"}, {"Ref": "SharedLayer"}]
    assert [name for name, own in _of_type("AWS::Serverless::Function").items() if "Layers" in own] == _STREAMS


def test_a_function_that_streams_stands_behind_the_web_adapter_and_is_started_by_the_shared_layer() -> None:
    functions = _of_type("AWS::Serverless::Function")
    script = _ROOT / "layers" / "shared" / "bin" / "serve"

    assert _STREAMS
    assert os.access(script, os.X_OK)
    for name in _STREAMS:
        variables = functions[name]["Environment"]["Variables"]
        (layer,) = functions[name]["Layers"]
        (event,) = functions[name]["Events"].values()
        assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bin/serve"
        assert variables["AWS_LWA_INVOKE_MODE"] == "response_stream"
        assert SNAPSHOT.keys() == {value for key, value in variables.items() if key.startswith("AWS_LWA_SNAPSTART_")}
        assert variables["HTTP_TIMEOUT_MILLIS"] == event["Properties"]["TimeoutInMillis"]
        assert {"Ref": "WebAdapterLayerArn"} in layer["Fn::If"]
        assert "LambdaAdapterLayer" in str(layer)
        assert event["Properties"]["ResponseTransferMode"] == "RESPONSE_STREAM"


def test_a_layers_folder_has_the_target_that_sam_asks_for() -> None:
    layers = _of_type("AWS::Serverless::LayerVersion")

    assert layers
    for name, properties in layers.items():
        assert resources()[name]["Metadata"] == {"BuildMethod": "makefile"}
        assert f"\nbuild-{name}:\n" in (_ROOT / properties["ContentUri"] / "Makefile").read_text()


def test_operators_routes_are_signed_and_run_under_the_functions_own_rights() -> None:
    events = _of_type("AWS::Serverless::Function")["AdminFunction"]["Events"].values()

    assert events
    for event in events:  # without NONE the caller would need the right to invoke the function, too
        assert event["Properties"]["Auth"] == {"Authorizer": "AWS_IAM", "InvokeRole": "NONE"}


def test_every_other_route_asks_the_tenant_authorizer() -> None:
    functions = _of_type("AWS::Serverless::Function")
    own = [
        (name, event["Properties"]["Path"])
        for name, function in functions.items()
        for event in function.get("Events", {}).values()
        if name != "AdminFunction" and "Auth" in event["Properties"]
    ]

    assert _of_type("AWS::Serverless::Api")["Api"]["Auth"]["DefaultAuthorizer"] == "TenantAuthorizer"
    assert own == []


def test_a_call_over_http_may_take_as_long_as_the_parameter_says() -> None:
    for name, function in _of_type("AWS::Serverless::Function").items():
        if name.startswith(("Invoke", "Stream")):
            parameter = "StreamTimeoutMillis" if name in _STREAMS else "ApiTimeoutMillis"
            for event in function.get("Events", {}).values():
                assert event["Properties"]["TimeoutInMillis"] == {"Ref": parameter}, name


def test_a_right_names_its_actions_and_its_resources() -> None:
    statements = list(_statements())

    assert statements
    for name, statement in statements:
        assert all("*" not in action for action in _listed(statement["Action"])), name
        assert all(resource != "*" for resource in _listed(statement["Resource"])), name


def test_a_right_to_secrets_is_one_to_tenants_secrets() -> None:
    prefix = _variables()["SECRET_PREFIX"]["Fn::Sub"]

    for name, statement in _statements():
        if any(action.startswith("secretsmanager:") for action in _listed(statement["Action"])):
            for resource in _listed(statement["Resource"]):
                assert resource["Fn::Sub"].endswith(f":secret:{prefix}*"), name


@pytest.mark.parametrize("name", tables())
def test_a_table_is_kept_recoverable_and_encrypted(name: str) -> None:
    resource = resources()[name]
    properties = resource["Properties"]

    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_a_settlement_that_waits_is_kept_encrypted_and_long_enough_to_be_mended() -> None:
    queues = _of_type("AWS::SQS::Queue")
    redrive = queues["UsageQueue"]["RedrivePolicy"]

    assert queues.keys() == {"UsageQueue", "UsageDeadLetterQueue", "TraceQueue", "TraceDeadLetterQueue"}
    assert all(properties["SqsManagedSseEnabled"] is True for properties in queues.values())
    for name in ("UsageQueue", "UsageDeadLetterQueue"):
        assert (resources()[name]["DeletionPolicy"], resources()[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": "UsageDeadLetterQueue.Arn"}, "maxReceiveCount": 5}
    assert queues["UsageDeadLetterQueue"]["MessageRetentionPeriod"] == 14 * _DAY  # the most that SQS has
    # A message in the dead-letter queue is as old as it was, and one that is moved back is new.
    assert template()["Parameters"]["LedgerDays"]["MinValue"] > 2 * 14


def test_a_trace_fits_into_its_queue_and_is_dropped_in_the_end() -> None:
    queues = _of_type("AWS::SQS::Queue")
    redrive = queues["TraceQueue"]["RedrivePolicy"]

    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": "TraceDeadLetterQueue.Arn"}, "maxReceiveCount": 5}
    for name in ("TraceQueue", "TraceDeadLetterQueue"):
        assert queues[name]["MaximumMessageSize"] == 2**20 > trace_json.MOST_BYTES
        assert queues[name]["MessageRetentionPeriod"] <= 4 * _DAY  # it may hold what people wrote


@pytest.mark.parametrize("kind", ["Usage", "Trace"])
def test_a_message_is_delivered_again_when_the_function_cannot_be_at_it_any_more(kind: str) -> None:
    name = {"Usage": "IncreaseUsageFunction", "Trace": "ExportTracesFunction"}[kind]
    mapping = _of_type("AWS::Lambda::EventSourceMapping")[f"{kind}QueueMapping"]

    assert mapping["EventSourceArn"] == {"Fn::GetAtt": f"{kind}Queue.Arn"}
    assert mapping["FunctionName"] == {"Ref": f"{name}.Alias"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    function = _of_type("AWS::Serverless::Function")[name]
    assert _of_type("AWS::SQS::Queue")[f"{kind}Queue"]["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert mapping["MaximumBatchingWindowInSeconds"] >= 1  # as AWS asks of batches of more than ten


def test_a_batch_is_left_while_there_is_time_to_answer() -> None:
    mappings = _of_type("AWS::Lambda::EventSourceMapping")

    assert queue_events._LEAST_MILLIS / 1000 > usage._BOOK_SECONDS
    assert queue_events._LEAST_MILLIS_TO_EXPORT / 1000 > trace_export.SECONDS
    assert mappings["UsageQueueMapping"]["BatchSize"] % MOST_TOGETHER == 0


def _answers() -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = _of_type("AWS::Serverless::Api")["Api"]["GatewayResponses"]
    return answers


@pytest.mark.parametrize("kind", _answers())
def test_the_gateway_answers_in_the_functions_envelope(kind: str) -> None:
    answer = _answers()[kind]

    body = answer["ResponseTemplates"]["application/json"]
    error = json.loads(body.replace("$context.error.messageString", '"in words"'))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"] in {one.type for one in vars(errors).values() if hasattr(one, "envelope")}
    assert answer["ResponseParameters"]["Headers"]["x-request-id"] == "context.requestId"


def test_the_gateway_has_words_for_whatever_goes_wrong() -> None:
    statuses = {answer.get("StatusCode") for answer in _answers().values()}

    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= _answers().keys()
    assert {"401", "403", "404", "413", "429", "500", "502", "504"} <= statuses


def test_callers_reach_the_alias_of_versions_that_start_from_a_snapshot() -> None:
    function = template()["Globals"]["Function"]
    authorizer = _of_type("AWS::Serverless::Api")["Api"]["Auth"]["Authorizers"]["TenantAuthorizer"]

    assert function["AutoPublishAlias"] == "live"
    assert function["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
    assert function["VersionDeletionPolicy"] == "Delete"
    assert authorizer["FunctionArn"] == {"Ref": "AuthorizeFunction.Alias"}


def test_every_function_publishes_a_version_with_every_release() -> None:
    functions = _of_type("AWS::Serverless::Function")

    assert functions
    assert [name for name, own in functions.items() if own["AutoPublishCodeSha256"] != {"Ref": "Release"}] == []


def test_a_function_that_calls_providers_may_have_a_concurrency_of_its_own() -> None:
    functions = _of_type("AWS::Serverless::Function")

    bounded = {name for name, own in functions.items() if "ReservedConcurrentExecutions" in own}

    assert bounded == {name for name in functions if name.startswith(("Invoke", "Stream"))}
    for name in bounded:
        assert functions[name]["ReservedConcurrentExecutions"] == {
            "Fn::If": ["ReservesConcurrency", {"Ref": "InvokeConcurrency"}, {"Ref": "AWS::NoValue"}]
        }


def test_a_gradual_deployment_watches_the_new_version_of_every_function() -> None:
    alarms = _of_type("AWS::CloudWatch::Alarm")
    watched: list[str] = []
    for alarm in alarms.values():
        total, *metrics = alarm.get("Metrics", [{}])
        assert len(metrics) <= 10  # of one alarm: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring
        for metric in metrics:
            dimensions = {one["Name"]: one["Value"] for one in metric["MetricStat"]["Metric"]["Dimensions"]}
            name = dimensions["FunctionName"]["Ref"]
            assert dimensions["Resource"] == {"Fn::Sub": f"${{{name}}}:live"}
            assert dimensions["ExecutedVersion"] == {"Fn::GetAtt": f"{name}.Version.Version"}
            assert total["Expression"] == "SUM(METRICS())"
            watched.append(name)

    # Of the authorizer Lambda counts every wrong token as an error.
    assert sorted([*watched, "AuthorizeFunction"]) == sorted(_of_type("AWS::Serverless::Function"))


def test_a_gradual_deployment_is_rolled_back_by_every_alarm_that_is_made_for_it() -> None:
    parameters = template()["Parameters"]
    preference = template()["Globals"]["Function"]["DeploymentPreference"]
    gradual = {name for name, resource in resources().items() if resource.get("Condition") == "DeploysGradually"}
    condition, alarms, _ = preference["Alarms"]["Fn::If"]

    assert condition == "DeploysGradually"
    assert {alarm["Ref"] for alarm in alarms} == {
        name for name in gradual if name in _of_type("AWS::CloudWatch::Alarm")
    }
    assert {name: row["Gradual"] for name, row in template()["Mappings"]["Deployment"].items()} == {
        name: name != parameters["DeploymentType"]["Default"] for name in parameters["DeploymentType"]["AllowedValues"]
    }


def test_an_access_log_tells_of_the_request_and_not_of_its_content() -> None:
    condition, setting, otherwise = _of_type("AWS::Serverless::Api")["Api"]["AccessLogSetting"]["Fn::If"]
    told = json.loads(setting["Format"])

    assert (condition, otherwise) == ("LogsAccess", {"Ref": "AWS::NoValue"})
    assert setting["DestinationArn"] == {"Fn::GetAtt": "AccessLogGroup.Arn"}
    assert told["request_id"] == "$context.requestId"
    assert all(value.startswith("$context.") for value in told.values())


@pytest.mark.parametrize("name", _of_type("AWS::Logs::LogGroup"))
def test_a_log_group_forgets(name: str) -> None:
    assert _of_type("AWS::Logs::LogGroup")[name]["RetentionInDays"] == {"Ref": "LogRetentionDays"}

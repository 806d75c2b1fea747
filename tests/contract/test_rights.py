"""What a function asks of AWS is what its rights in ``template.yaml`` allow, no less and no more.

The functions run over an embedded AWS, which lets everybody do everything; the calls are noted and compared.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from botocore.client import BaseClient

from local.template import resources, statements, template
from tenant_llm import TenantLLMService, bootstrap
from tenant_llm.domain.budget import Budget
from tenant_llm.domain.call import Caller
from tenant_llm.domain.deadline import Deadline
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import TenantModel
from tenant_llm.domain.wire import JsonObject
from tenant_llm.repositories.tenant_llm import TenantLLMRepository
from tenant_llm.transport.auth import role
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.faults import Proxy, refusal
from tests.support.functions import LambdaContext, over_http
from tests.support.langfuse import LangfuseServer
from tests.support.provider import ProviderServer

type Right = tuple[str, str]

_TRANSACTED = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
_TABLES = {
    "TenantLLM": "TenantLLMTable",
    "Tenant": "TenantTable",
    "Usage": "UsageTable",
    "ApiToken": "ApiTokenTable",
}
_QUEUES = ("UsageQueue", "TraceQueue")
_QUEUE, _TRACES = _QUEUES
_OF_RESERVING = {(f"dynamodb:{action}", "UsageTable") for action in ("ConditionCheckItem", "DeleteItem", "GetItem")}
_SECRETS = "secrets"
_ROLES = "AssumableRoleArn"
# What Lambda asks of a queue in a function's name
# (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
_CONSUMED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_CONSUMING = {(f"sqs:{action}", _QUEUE) for action in _CONSUMED}
_CONSUMING_TRACES = {(f"sqs:{action}", _TRACES) for action in _CONSUMED}
_ROLE = "arn:aws:iam::111122223333:role/tenant-llm"


def _resource(value: Any) -> str:
    """``TenantTable``, ``TenantLLMTable/index/by_factory``, ``secrets``, or the parameter that names roles."""
    if "Ref" in value:
        return str(value["Ref"])
    if "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"]).removesuffix(".Arn")
    text: str = value["Fn::Sub"]
    return _SECRETS if ":secretsmanager:" in text else text.replace("${", "").replace(".Arn}", "")


def _of_document(document: dict[str, Any]) -> Iterator[Right]:
    for statement in statements(document):
        for action in statement["Action"]:
            yield from ((action, _resource(resource)) for resource in statement["Resource"])


def _of_policy(name: str) -> set[Right]:
    return set(_of_document(resources()[name]["Properties"]["PolicyDocument"]))


def _allowed(function: str) -> set[Right]:
    rights: set[Right] = set()
    for policy in resources()[function]["Properties"]["Policies"]:
        rights |= _of_policy(policy["Ref"]) if "Ref" in policy else set(_of_document(policy))
    return rights


def _asked(service: str, operation: str, arguments: dict[str, Any]) -> Iterator[Right]:
    if service == "secretsmanager":
        yield f"secretsmanager:{operation}", _SECRETS
    elif service == "sqs":
        queue = arguments["QueueUrl"].rpartition("/")[2]
        assert queue in _QUEUES
        yield f"sqs:{operation}", queue
    elif service == "sts":
        yield f"sts:{operation}", _ROLES
    elif operation == "TransactWriteItems":
        for item in arguments["TransactItems"]:
            ((kind, body),) = item.items()
            yield _TRANSACTED[kind], _TABLES[body["TableName"]]
    else:
        table, index = _TABLES[arguments["TableName"]], arguments.get("IndexName")
        yield f"{service}:{operation}", f"{table}/index/{index}" if index else table


@pytest.fixture
def asked(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> set[Right]:
    """What AWS is asked for from now on; ``tenant123`` is there, with the models of the events, and a key."""
    add_tenant(aws.settings, "tenant123")
    server = TenantModel("tenant123", "BAAI/bge-m3", "OpenAI-API-Compatible", ModelType.EMBEDDING)
    TenantLLMRepository(aws.settings).put(server)
    rights: set[Right] = set()
    call: Callable[..., Any] = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        rights.update(_asked(self.meta.service_model.service_name, operation, arguments))
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return rights


def _serve(function: str, *events: str) -> None:
    for name in events:
        status, answer = over_http(import_module(f"functions.{function}.handler").handler, load_event(f"http/{name}"))
        assert status < 300, answer


def test_the_authorizer_reads_tokens(asked: set[Right]) -> None:
    token, _ = bootstrap.token_repository().issue("tenant123", "test")
    asked.clear()
    event = load_event("http/authorize_token") | {"authorizationToken": f"Bearer {token}"}

    import_module("functions.authorize.handler").handler(event, LambdaContext())

    assert asked == _allowed("AuthorizeFunction")


def test_a_look_up_reads_tenants_and_models(asked: set[Right]) -> None:
    _serve("get_model_config", "model_config", "models", "models_get", "llms", "factories", "llm_type")
    _look_up_bare_name("get_model_config", "model_config")

    assert asked == _allowed("GetModelConfigFunction")


def _look_up_bare_name(function: str, name: str) -> None:
    event = load_event(f"http/{name}")
    event["queryStringParameters"] = {"llm_type": "chat", "llm_name": "gpt-4"}
    assert over_http(import_module(f"functions.{function}.handler").handler, event)[0] == 200


def test_the_accounts_are_written_and_read(asked: set[Right]) -> None:
    _serve("increase_usage", "usage_increase", "usage_get", "budgets_get")
    bare: JsonObject = {"tenant_id": "tenant123", "llm_type": "chat", "used_tokens": 1}
    for event in (bare, bare | {"llm_name": "gpt-4"}):
        assert import_module("functions.increase_usage.handler").handler(event, LambdaContext()) == {"updated": 1}

    assert import_module("functions.increase_usage.handler").handler(
        load_event("queue/increase_usage"), LambdaContext()
    ) == {"batchItemFailures": []}

    # Whoever calls models reserves, and queues what could not be stored; one policy serves both.
    assert asked == _allowed("IncreaseUsageFunction") - _CONSUMING - _OF_RESERVING - {("sqs:SendMessage", _QUEUE)}


def test_lambda_may_take_messages_from_the_queue_in_the_name_of_their_consumer_alone() -> None:
    functions = [name for name, resource in resources().items() if resource["Type"] == "AWS::Serverless::Function"]

    assert {name for name in functions if _CONSUMING & _allowed(name)} == {"IncreaseUsageFunction"}
    assert _allowed("IncreaseUsageFunction") >= _CONSUMING
    assert {name for name in functions if _CONSUMING_TRACES & _allowed(name)} == {"ExportTracesFunction"}
    assert _allowed("ExportTracesFunction") >= _CONSUMING_TRACES


def test_who_exports_traces_reads_the_tenants_keys_and_nothing_else(
    asked: set[Right], aws: Aws, langfuse: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    bootstrap.reset()
    keys = {"public_key": "pk-lf-1", "secret_key": "sk-lf-1", "host": langfuse.url}
    bootstrap.tenant_models_service().put_credential("tenant123", "langfuse", keys)
    bootstrap.reset()
    asked.clear()

    answer = import_module("functions.export_traces.handler").handler(
        load_event("queue/export_traces"), LambdaContext()
    )

    assert answer == {"batchItemFailures": []}
    assert asked == _allowed("ExportTracesFunction") - _CONSUMING_TRACES


def test_an_invocation_reads_models_and_keys_and_settles(
    asked: set[Right], aws: Aws, proxy: Proxy, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    monkeypatch.setenv("ASSUMABLE_ROLE_ARN", _ROLE)
    bootstrap.reset()
    role.keys.cache_clear()
    role._session.cache_clear()
    add_tenant(aws.settings, "acme", api_base=f"{provider.url}/v1")
    roles = TenantModel("acme", "amazon.nova-pro-v1:0", "Bedrock", ModelType.CHAT, api_base=provider.url)
    bootstrap.tenant_models_service().register(roles, {"bedrock_region": "eu-west-1", "aws_role_arn": _ROLE})
    bootstrap.tenant_models_service().put_credential("acme", "langfuse", {"public_key": "pk", "secret_key": "sk"})
    asked.clear()
    for _ in range(2):
        provider.reply({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]})
    provider.reply({"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": "end_turn"})
    proxy.plan("TransactWriteItems", [refusal("AccessDeniedException")])
    event: JsonObject = {"tenant_id": "acme", "messages": [{"role": "user", "content": "Hi"}]}

    for model in ({}, {"llm_name": "gpt-4"}, {"llm_name": roles.address}):
        answer = import_module("functions.invoke_chat.handler").handler(event | model, LambdaContext())
        assert "choices" in answer

    assert asked == _allowed("InvokeChatFunction") - {("dynamodb:Query", "UsageTable"), *_OF_RESERVING}


def test_an_invocation_within_a_budget_reserves_takes_over_and_gives_back(
    asked: set[Right], provider: ProviderServer, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
    bootstrap.reset()
    add_tenant(aws.settings, "acme", api_base=f"{provider.url}/v1")
    bootstrap.tenant_models_service().set_budgets("acme", [Budget("day", hard=1500)])
    provider.reply({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}]})
    event: JsonObject = {"tenant_id": "acme", "messages": [{"role": "user", "content": "Hi"}], "request_id": "one"}
    handler, context = import_module("functions.invoke_chat.handler").handler, LambdaContext()
    asked.clear()

    handler(event, context)
    config, caller = bootstrap.resolution().config("acme", ModelType.CHAT), Caller("acme", "other", Deadline.after(5))
    for _ in range(2):
        bootstrap.budget_service().reserve(caller, config, 1400)

    assert handler({**event, "request_id": "two"}, context)["error"]["code"] == "insufficient_quota"
    rights = {right for right in _allowed("InvokeChatFunction") if right[1] == "UsageTable"}
    assert {right for right in asked if right[1] == "UsageTable"} == rights


def test_roles_may_be_taken_on_only_where_the_operator_names_some() -> None:
    document = resources()["InvokePolicy"]["Properties"]["PolicyDocument"]
    ((condition, statement, otherwise),) = [item["Fn::If"] for item in document["Statement"] if "Fn::If" in item]

    assert template()["Conditions"][condition] == {
        "Fn::Not": [
            {"Fn::Equals": [{"Ref": "AssumableRoleArn"}, template()["Parameters"]["AssumableRoleArn"]["Default"]]}
        ]
    }
    assert statement["Action"] == ["sts:AssumeRole"]
    assert otherwise == {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize("model_type", ModelType)
def test_all_invocations_have_the_same_rights(model_type: ModelType) -> None:
    assert _allowed(f"Invoke{model_type.capitalize()}Function") == _allowed("InvokeChatFunction")


def test_operators_write_models_keys_and_tokens(asked: set[Right]) -> None:
    service = bootstrap.tenant_models_service()
    _serve("admin", "admin_create_tenant", "admin_list_tenants", "admin_get_tenant", "admin_put_model")
    _serve("admin", "admin_set_defaults", "admin_list_models", "admin_delete_model", "admin_openai_models")
    _serve("admin", "admin_tenant_usage")
    _serve("admin", "admin_set_budgets", "admin_list_budgets", "admin_remove_budgets", "admin_set_tracing")
    service.put_credential("acme", "OpenAI", "sk-first")
    service.put_credential("tenant123", "gpt-4@OpenAI", "sk-own")
    _serve("admin", "admin_put_credential", "admin_delete_credential")
    for place in service.tenant("tenant123").credentials:  # with the last one the secret is scheduled for deletion
        service.remove_credential("tenant123", place)
    _serve("admin", "admin_put_credential", "admin_issue_token", "admin_list_tokens", "admin_delete_tenant")

    assert asked == _allowed("AdminFunction")


def test_the_layers_names_that_look_across_tenants_read_the_indexes(asked: set[Right]) -> None:
    TenantLLMService.get_openai_models()
    TenantLLMService.llm_id2llm_type("a-model-of-nobody")

    assert asked == _of_policy("AcrossTenantsPolicy")

import os
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pynamodb.exceptions import GetError

from tenant_llm.domain.errors import NotFound, ServiceUnavailable
from tenant_llm.repositories.tables import attempts, bound, storage
from tenant_llm.repositories.tenant import TenantItem

DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "the key is sk-1"}}, "GetItem")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DENIED, "storage refuses: AccessDeniedException"),
        (GetError("Failed to get item: sk-1", DENIED), "storage refuses: AccessDeniedException"),
        (EndpointConnectionError(endpoint_url="https://x"), "storage cannot be reached: EndpointConnectionError"),
    ],
)
def test_what_aws_refuses_is_told_by_its_code_alone(error: Exception, message: str) -> None:
    with pytest.raises(ServiceUnavailable) as caught, storage():
        raise error

    assert caught.value.message == message
    assert caught.value.__cause__ is error


def test_errors_of_ours_pass() -> None:
    with pytest.raises(NotFound), storage():
        raise NotFound("x")


def test_waits_grow_and_have_a_bound() -> None:
    waits: list[float] = []

    turns = list(attempts(50, waits.append))

    assert len(turns) == 50
    assert len(waits) == 49
    assert waits[0] <= 0.02
    assert max(waits) <= 0.5


def test_a_model_can_be_bound_to_two_tables_at_once() -> None:
    first, second = bound(TenantItem, "first"), bound(TenantItem, "second")

    assert (first.Meta.table_name, second.Meta.table_name) == ("first", "second")
    assert not hasattr(TenantItem, "Meta")


@pytest.mark.parametrize("module", ["api_token", "secrets", "tenant", "tenant_llm", "usage_ledger"])
def test_importing_needs_no_environment_and_no_boto3(module: str) -> None:
    code = f"import sys, tenant_llm.repositories.{module}; sys.exit('boto3' in sys.modules)"

    result = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stderr) == (0, "")

"""Every body of the golden cases is one that AWS's own description of the API allows."""

from functools import cache
from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from tests.support.wire import ROOT, case_paths, load_case

OPERATIONS = {"chat": ("bedrock-runtime", "Converse"), "rerank": ("bedrock-agent-runtime", "Rerank")}
OF_THE_URL = {"chat": {"modelId": "m"}, "rerank": {}}


@cache
def service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


@pytest.mark.parametrize(
    "path",
    [path for path in case_paths("wire_request") if path.parts[-3] == "bedrock" and path.parts[-2] in OPERATIONS],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_body_is_one_that_the_service_describes(path: Path) -> None:
    case = load_case(path)
    name, operation = OPERATIONS[case.model_type]
    shape = service(name).operation_model(operation).input_shape
    assert case.wire_request is not None
    assert shape is not None

    found = ParamValidator().validate({**(case.wire_request.json or {}), **OF_THE_URL[case.model_type]}, shape)

    assert not found.has_errors(), found.generate_report()


def test_a_field_that_the_service_does_not_know_would_be_found() -> None:
    shape = service("bedrock-runtime").operation_model("Converse").input_shape
    assert shape is not None

    found = ParamValidator().validate({"modelId": "m", "messages": [{"role": "user", "text": "Hi"}]}, shape)

    assert found.has_errors()

"""``template.yaml`` as data: what the local server and the embedded AWS read from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PATH = Path(__file__).parent.parent / "template.yaml"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref X`` becomes ``{"Ref": "X"}``, ``!Sub X`` ``{"Fn::Sub": "X"}``."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise TypeError(f"template.yaml: {suffix} on a {node.tag}")
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@cache
def template() -> dict[str, Any]:
    """The whole of it."""
    return load(_PATH)


def load(path: Path) -> dict[str, Any]:
    """A template as JSON has it, which CloudFormation takes too."""
    return dict(yaml.load(path.read_text(), _Loader))  # noqa: S506 - a SafeLoader


def resources() -> dict[str, dict[str, Any]]:
    """Logical id → resource."""
    return dict(template()["Resources"])


def statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statements of a policy, with those that stand under a condition."""
    for statement in document["Statement"]:
        yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def tables() -> dict[str, dict[str, Any]]:
    """Logical id → properties of every DynamoDB table."""
    return {
        name: resource["Properties"]
        for name, resource in resources().items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of the API, and the function's folder.

    ``guard`` is who is let in, ``tenant`` or ``operator``; ``streams`` whether answers are sent while they are made.
    """

    method: str
    path: str
    function: str
    guard: str
    streams: bool


def routes() -> Iterator[Route]:
    """Every ``Api`` event of every function."""
    for resource in resources().values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        for event in properties.get("Events", {}).values():
            if event["Type"] == "Api":
                api = event["Properties"]
                guard = "operator" if api.get("Auth", {}).get("Authorizer") == "AWS_IAM" else "tenant"
                folder = properties["CodeUri"].strip("/").rpartition("/")[2]
                streams = api.get("ResponseTransferMode") == "RESPONSE_STREAM"
                yield Route(api["Method"].upper(), api["Path"], folder, guard, streams)

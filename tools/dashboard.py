"""The dashboard of ``monitoring.yaml`` as CloudWatch gets it, for a stage that is called ``prod``."""

import json
import re
from pathlib import Path
from typing import Any

from local.template import load

PATH = Path(__file__).parent.parent / "monitoring.yaml"
STACK = "tenant-llm-prod"
# What stands for a parameter is its own name, but for these.
_NAMES = {
    "Service": STACK,
    "Stage": "prod",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "111122223333",
}
_REFERENCE = re.compile(r"\$\{(!?)([^}]+)\}")


def widgets() -> list[dict[str, Any]]:
    """The widgets in their order; a part that depends on a condition is there."""
    body = load(PATH)["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    return list(json.loads(resolved(body))["widgets"])


def resolved(value: Any) -> Any:
    """A value of the template with names in the place of ``Ref``, ``Sub`` and ``If``.

    Raises:
        TypeError: When another function of CloudFormation's is in it.
    """
    match value:
        case {"Ref": name}:
            return _NAMES.get(name, name)
        case {"Fn::If": [_, holds, _]}:
            return resolved(holds)
        case {"Fn::Sub": [text, own]}:
            return _substituted(text, {name: resolved(part) for name, part in own.items()})
        case {"Fn::Sub": text}:
            return _substituted(text, {})
        case dict() if any(key.startswith("Fn::") for key in value):
            raise TypeError(f"{next(iter(value))} is not known here")
        case dict():
            return {key: resolved(part) for key, part in value.items()}
        case list():
            return [resolved(part) for part in value]
    return value


def _substituted(text: str, own: dict[str, str]) -> str:
    names = _NAMES | own
    return _REFERENCE.sub(lambda found: f"${{{found[2]}}}" if found[1] else names.get(found[2], found[2]), text)

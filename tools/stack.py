"""A deployed stage as CloudFormation tells of it: what an operator's command has to know."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALIAS = "live"
"""The qualifier by which a function of a stack is invoked: the alias of the version that callers reach."""

_VARIABLES = {
    "TENANT_LLM_TABLE": "TenantLLMTableName",
    "TENANT_TABLE": "TenantTableName",
    "USAGE_TABLE": "UsageTableName",
    "API_TOKEN_TABLE": "ApiTokenTableName",
    "SECRET_PREFIX": "SecretPrefix",
}


@dataclass(frozen=True, slots=True)
class Stack:
    """Its outputs and parameters by name."""

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """The variables that make this process one of the stage's, but for the queue."""
        return {
            **{variable: self.outputs[output] for variable, output in _VARIABLES.items()},
            "LEDGER_DAYS": self.parameters["LedgerDays"],
        }


def stack(client: Any, stage: str) -> Stack:
    """The stack ``tenant-llm-<stage>``; ``client`` is CloudFormation's."""
    (described,) = client.describe_stacks(StackName=f"tenant-llm-{stage}")["Stacks"]
    return Stack(
        {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]},
        {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in described["Parameters"]},
    )

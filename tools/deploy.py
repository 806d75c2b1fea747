"""``python -m tools.deploy STAGE ARCHITECTURE [Name=value …]``: deploys what ``make build`` built as a stage's stack.

It is ``sam deploy`` with the parameters together that ``sam`` takes from one place alone: those of the stage in
``samconfig.toml``, the stage and the architecture, those given here, and the digest of all that is deployed.
"""

import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

_SAM = Path(".sam/bin/sam")
_CONFIG = Path("samconfig.toml")
_BUILD = Path(".aws-sam/build")
_FALLBACK = "default"


def parameters(config: Mapping[str, Any], stage: str, given: Iterable[str]) -> dict[str, str]:
    """The stack's parameters, without those that keep the values they have: the stage's, then the given ones.

    Raises:
        ValueError: When one is not ``Name=value``.
    """
    found = {"Stage": stage}
    for text in (*config[section(config, stage)]["deploy"]["parameters"]["parameter_overrides"], *given):
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ValueError(f"{text!r} is not a parameter: Name=value")
        found[name] = value
    return found


def section(config: Mapping[str, Any], stage: str) -> str:
    """The part of ``samconfig.toml`` that is the stage's."""
    return stage if stage in config else _FALLBACK


def digest(build: Path, chosen: Mapping[str, str]) -> str:
    """32 hexadecimal digits that are others when code, a layer, the template or a parameter is another."""
    whole = sha256(repr(sorted(chosen.items())).encode())
    for path in sorted(build.rglob("*")):
        if path.is_file():
            whole.update(f"{path.relative_to(build)}\0".encode() + sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:32]


def command(stage: str, given: Iterable[str]) -> Sequence[str]:
    """What deploys the stage."""
    config = tomllib.loads(_CONFIG.read_text())
    chosen = parameters(config, stage, given)
    chosen["Release"] = digest(_BUILD, chosen)
    sam = [str(_SAM), "deploy", "--config-env", section(config, stage), "--stack-name", f"tenant-llm-{stage}"]
    return [*sam, "--parameter-overrides", *(f"{name}={value}" for name, value in chosen.items())]


def main() -> int:
    """The status that ``sam deploy`` ends with."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("architecture")
    parser.add_argument("parameters", nargs="*")
    asked = parser.parse_args()
    deploying = command(asked.stage, [f"Architecture={asked.architecture}", *asked.parameters])
    return subprocess.run(deploying, check=False).returncode  # noqa: S603 - our own installation


if __name__ == "__main__":
    sys.exit(main())

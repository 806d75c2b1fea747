"""``python -m tools.check_build ARCHITECTURE``: looks at what ``sam build`` made, as Lambda will see it.

Prints a line a layer and a line a function; ends with 1 and a line a fault where something would fail in Lambda.
"""

import os
import platform
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib.util import cache_from_source
from pathlib import Path

from tenant_llm.settings import Settings

_BUILD = Path(".aws-sam/build")
_LAYERS = ("DependenciesLayer", "SharedLayer")
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LARGEST = 250 * 1024 * 1024
# The field e_machine of an ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
_MACHINES = {"x86_64": 62, "arm64": 183}
_MACHINE_AT = slice(18, 20)
# The flags after a .pyc's magic number: made from a hash, and not to be checked (PEP 552).
_UNCHECKED = 1
_FLAGS_AT = slice(4, 8)
_START = """
import sys
sys.path[:0] = sys.argv[1:]
import handler
assert callable(handler.handler)
if hasattr(handler, "ROUTES"):  # it can stream
    from tenant_llm.surface import server
"""


def foreign(folder: Path, architecture: str) -> Iterator[str]:
    """A fault for every compiled module of other processors."""
    for path in sorted(folder.rglob("*.so*")):
        machine = int.from_bytes(path.read_bytes()[_MACHINE_AT], "little")
        if machine != _MACHINES[architecture]:
            yield f"{path} is not for {architecture}: its machine is {machine}"


def uncompiled(folder: Path) -> Iterator[str]:
    """A fault for every module that each cold start would compile or compare with its source."""
    for path in sorted(folder.rglob("*.py")):
        compiled = Path(cache_from_source(str(path)))
        if not compiled.exists():
            yield f"{path} is not compiled"
        elif int.from_bytes(compiled.read_bytes()[_FLAGS_AT], "little") != _UNCHECKED:
            yield f"{compiled} would be compared with its source"


def size(folder: Path) -> int:
    """The bytes of all files in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def unloadable(function: Path, layers: list[Path]) -> Iterator[str]:
    """A fault if a function does not initialise with nothing but the layers and the standard library."""
    path = [str(folder) for folder in (function, *(layer / "python" for layer in layers))]
    command = [sys.executable, "-I", "-S", "-B", "-W", "error", "-c", _START, *path]
    started = subprocess.run(  # noqa: S603 - our own interpreter and paths
        command, env=_lambda_environment(), capture_output=True, text=True, check=False
    )
    if started.returncode:
        yield f"{function} does not initialise: {started.stderr.strip()}"


def main() -> int:
    """0 if everything is as it should be, else 1."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("architecture", choices=sorted(_MACHINES))
    architecture: str = parser.parse_args().architecture
    faults = list(_faults(architecture))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _faults(architecture: str) -> Iterator[str]:
    layers = [_BUILD / name for name in _LAYERS]
    for layer in layers:
        print(f"{layer.name}: {size(layer) / 1e6:.1f} MB")
        yield from foreign(layer, architecture)
        yield from uncompiled(layer)
    if (whole := sum(map(size, layers))) > _LARGEST:
        yield f"the layers have {whole} bytes, Lambda takes {_LARGEST}"
    functions = sorted(path.parent for path in _BUILD.glob("*/handler.py"))
    if not functions:
        yield f"there is no function in {_BUILD}"
    if architecture != _here():
        print(f"{len(functions)} functions not imported: built for {architecture}, this is {_here()}")
        return
    for function in functions:
        yield from unloadable(function, layers)
    print(f"{len(functions)} functions initialise with the layers alone")


def _here() -> str:
    return {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())


def _lambda_environment() -> Mapping[str, str]:
    """What a function finds when it initialises: its settings, a region, and no AWS that would answer."""
    required = {field.name.upper(): "checked" for field in fields(Settings) if field.default is MISSING}
    return required | {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "PATH": os.defpath,
    }


if __name__ == "__main__":
    sys.exit(main())

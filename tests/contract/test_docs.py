"""What the pages tell people to do can be done: commands, payloads, blocks, links; tests/e2e/test_docs.py calls."""

import argparse
import json
import re
import runpy
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import botocore.session
import pytest
from botocore import xform_name

from local.template import template
from tenant_llm import bootstrap
from tenant_llm.repositories.tenant import TenantRepository
from tests.support.aws import Aws, add_tenant
from tests.support.functions import directly
from tests.support.pages import ROOT, Command, Page, commands, pages

_PAGES = pages()
_COMMANDS = commands()

# What no test runs, and why. All of it is checked as far as that goes: targets, variables, operations, options.
_NOT_RUN = {
    "make check": "it runs this test",
    "make setup": "this test runs in what it has made",
    "make run": "serves until it is stopped; tests/e2e call the same server",
    "make build": "takes minutes and the SAM CLI; CI runs it",
    "make deploy": "needs an AWS account",
    "make redrive": "needs a deployed stack; tests/unit/tools/test_redrive.py runs what it does",
    "make replay_unsettled": "needs a deployed stack; tests/integration/test_replay_unsettled.py runs what it does",
    "aws apigateway flush-stage-authorizers-cache": "needs an AWS account",
    "aws cloudformation delete-stack": "needs an AWS account",
}
# What asks a deployed stack and changes nothing; its operation and options are compared with AWS's own model.
_ASKS = re.compile(r"aws \S+ (describe|get|list|receive|filter|start-query|tail)\b")
_SHELLS_OWN = {"sleep", "echo", "cat", "export", "date"}
_RUN = {
    "python -m tools.costs": "tests/unit/tools/test_costs.py",
    "aws lambda invoke": "test_an_invocation_of_the_pages_is_answered",
    "curl": "tests/e2e/test_docs.py",
}
# Placeholders for functions, by what the command asks of them.
_FUNCTIONS = {"$FUNCTION": "tenant-llm-dev-increase-usage"}
# Files that a reader of a walk adds.
_TO_BE_WRITTEN = {
    "layers/shared/python/tenant_llm/catalogue/providers/cerebras.toml",
    "tests/wire/openai/chat/limit_renamed.json",
}
# What the AWS CLI has and the model has not.
_CLI_OWN = {("logs", "tail"): {"since", "follow", "format", "filter-pattern", "log-stream-names"}}
_CLI_OPTIONS = {"profile", "region", "output", "query", "cli-binary-format", "no-cli-pager", "endpoint-url"}
_BY_THE_ENVIRONMENT = {"AWS_PROFILE", "AWS_REGION"}


class _ParsedError(Exception):
    """Raised where a command's options have been understood."""


def _of(name: str) -> list[Command]:
    found = [command for command in _COMMANDS if command.words[0] == name]
    assert found, f"no page has a command {name}"
    return found


def _option(command: Command, name: str) -> str:
    return command.words[command.words.index(name) + 1]


def _spelt(command: Command) -> str:
    """A command without what varies: its tool, target or operation."""
    words = 3 if command.words[0] in ("aws", "python") else 2 if command.words[0] in ("make", "git") else 1
    return " ".join(command.words[:words])


def test_every_command_of_the_pages_is_run_or_has_a_reason_why_not() -> None:
    spelt = {_spelt(command) for command in _COMMANDS} - _SHELLS_OWN
    spelt = {one for one in spelt if not _ASKS.match(one)}

    assert spelt - _NOT_RUN.keys() - _RUN.keys() == set()
    assert (_NOT_RUN.keys() | _RUN.keys()) - spelt == set(), "a reason for what no page says any more"


@pytest.mark.parametrize("command", _of("make"), ids=str)
def test_make_knows_the_target_and_its_variables(command: Command) -> None:
    makefile = (ROOT / "Makefile").read_text()
    variables = dict(word.split("=", 1) for word in command.words[1:] if "=" in word)

    planned = subprocess.run(
        ["make", "--dry-run", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert planned.returncode == 0, planned.stderr
    assert [name for name in variables if f"$({name})" not in makefile and name not in _BY_THE_ENVIRONMENT] == []
    given = {parameter.partition("=")[0] for parameter in variables.get("PARAMETERS", "").split()}
    assert given <= template()["Parameters"].keys()


def test_targets_that_are_named_in_prose_are_there() -> None:
    targets = set(re.findall(r"^([a-z_-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {name for page in _PAGES for name in re.findall(r"`make ([a-z_-]+)", page.prose())}

    assert len(named) > 5
    assert named - targets == set()


@pytest.mark.parametrize("command", _of("python"), ids=str)
def test_a_tool_understands_its_options(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parsed(self: Any, args: Any = None, namespace: Any = None) -> NoReturn:
        parse(self, args, namespace)
        raise _ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    assert command.words[1] == "-m"
    monkeypatch.setattr(sys, "argv", [command.words[2], *command.words[3:]])
    monkeypatch.delitem(sys.modules, command.words[2], raising=False)

    with pytest.raises(_ParsedError):
        runpy.run_module(command.words[2], run_name="__main__")


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


@pytest.mark.parametrize("command", _of("aws"), ids=str)
def test_aws_knows_the_operation_and_its_options(command: Command) -> None:
    _, service, operation, *words = command.words
    given = {word[2:] for word in words if word.startswith("--")}
    if (service, operation) in _CLI_OWN:
        assert given <= _CLI_OWN[service, operation] | _CLI_OPTIONS
        return
    names = {xform_name(name, "-"): name for name in _service(service).operation_names}

    assert operation in names, f"{service} has no operation {operation}"
    shape = _service(service).operation_model(names[operation]).input_shape
    known = {xform_name(name, "-") for name in (shape.members if shape else {})} | _CLI_OPTIONS
    assert {name for name in given if name not in known and name.removeprefix("no-") not in known} == set()
    required = {xform_name(name, "-") for name in (shape.required_members if shape else ())}
    assert required - given == set()


@pytest.mark.parametrize(
    "page", [page for page in _PAGES if "aws lambda invoke" in page.text], ids=lambda page: page.name
)
def test_an_invocation_of_the_pages_is_answered(page: Page, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _deployed(page):
        monkeypatch.setenv(name, value)
    bootstrap.reset()
    tenants = TenantRepository(aws.settings)

    invocations = [command for command in page.commands() if command.words[:3] == ("aws", "lambda", "invoke")]

    assert invocations
    for command in invocations:
        event = json.loads(_option(command, "--payload"))
        tenant_id = event.get("tenant_id")
        if tenant_id and event.get("operation") != "create_tenant" and tenants.find(tenant_id) is None:
            add_tenant(aws.settings, tenant_id)
        name = _option(command, "--function-name")
        function = re.sub(r"^tenant-llm-[a-z0-9]+-", "", _FUNCTIONS.get(name, name)).replace("-", "_")
        answer = directly(import_module(f"functions.{function}.handler").handler, event)
        assert "error" not in answer, f"{command}: {answer}"


def _deployed(page: Page) -> Iterator[tuple[str, str]]:
    """The variables that functions have where the page's own deployments set parameters."""
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    by_parameter = {
        value["Ref"]: name for name, value in variables.items() if isinstance(value, dict) and "Ref" in value
    }
    for command in page.commands():
        for word in command.words:
            if word.startswith("PARAMETERS="):
                pairs = (pair.partition("=")[::2] for pair in word.removeprefix("PARAMETERS=").split())
                yield from ((by_parameter[name], value) for name, value in pairs if name in by_parameter)


@pytest.mark.parametrize("page", [page for page in _PAGES if page.blocks("json")], ids=lambda page: page.name)
def test_json_of_the_pages_is_json(page: Page) -> None:
    for block in page.blocks("json"):
        json.loads(block)


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page: Page) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.prose()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page.name).parent / path if path else ROOT / page.name
        if not file.exists() or (anchor and anchor not in _anchors(file.read_text(encoding="utf-8"))):
            broken.append(target)

    assert broken == []


def _anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", Page("", text).prose(), re.MULTILINE)
    return {_slug(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings}


def _slug(heading: str) -> str:
    kept = (one for one in heading.lower() if one in " -_" or unicodedata.category(one)[0] in "LN")
    return "".join(kept).strip().replace(" ", "-")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Page) -> None:
    places = (ROOT, ROOT / "layers/shared/python/tenant_llm", ROOT / "tests", ROOT / "docs")
    named = re.findall(r"`(?:python )?([\w./-]+/[\w.-]+\.(?:py|md|toml|yaml|json|txt))`", page.prose())

    missing = [name for name in named if not any((place / name).exists() for place in places)]

    assert [name for name in missing if name not in _TO_BE_WRITTEN] == []


@pytest.mark.parametrize(
    "named", sorted({name for page in _PAGES for name in re.findall(r"`(tests/\S+::\w+)`", page.text)})
)
def test_a_test_that_a_page_calls_proof_is_there(named: str) -> None:
    file, _, function = named.partition("::")

    assert re.search(rf"^def {function}\(", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", [page.name for page in _PAGES if page.name.startswith("docs/")])
def test_a_page_is_reached_from_another(page: str) -> None:
    name = page.rpartition("/")[2]
    folder = page.startswith("docs/adr/")

    assert folder or any(f"{name})" in other.text or f"{name}#" in other.text for other in _PAGES if other.name != page)


def test_commands_are_read_as_a_shell_reads_them() -> None:
    text = """```sh
$ admin() {
  aws lambda invoke --payload "$1" out
}
output() { aws cloudformation describe-stacks --query "Outputs[?Key=='$1']"; }
TOKEN=x admin '{"a": "b # c"}'   # a remark
id=$(aws sqs get-queue-attributes --queue-url "$(output Url)" --since $(($(date +%s) - 60)))
make one STAGE=dev && make two \\
  THREE="a b" > file | cat
```"""

    read = [command.words for command in Page("page.md", text.replace("$ admin", "admin")).commands()]

    assert read == [
        ("aws", "lambda", "invoke", "--payload", '{"a": "b # c"}', "out"),
        ("aws", "cloudformation", "describe-stacks", "--query", "Outputs[?Key=='Url']"),
        ("date", "+%s"),
        ("aws", "sqs", "get-queue-attributes", "--queue-url", "$substituted", "--since", "$sum"),
        ("make", "one", "STAGE=dev"),
        ("make", "two", "THREE=a b"),
        ("cat",),
    ]

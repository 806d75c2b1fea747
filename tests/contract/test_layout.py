"""Functions, routes, events and imports agree with each other, in both directions."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.template import Route, resources, routes

_ROOT = Path(__file__).parents[2]
_FUNCTIONS = sorted(path.parent.name for path in (_ROOT / "functions").glob("*/handler.py"))
_HTTP_EVENTS = sorted((_ROOT / "events" / "http").glob("*.json"))
_DIRECT_EVENTS = sorted((_ROOT / "events" / "direct").glob("*.json"))
_AUTHORIZER = "authorize"  # API Gateway asks it about every route; it has none of its own
_CONSUMERS = ("export_traces",)  # a queue asks them, and nobody else
_OFFERED = ("tenant_llm.bootstrap", "tenant_llm.surface")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _handled(function: str) -> set[str]:
    """The keys of a handler's ``ROUTES``, or of the mapping that it hands to ``entrypoint`` as it is."""
    for node in ast.walk(_tree(_ROOT / "functions" / function / "handler.py")):
        match node:
            case ast.Assign([ast.Name("ROUTES")], ast.Dict(keys)) | ast.Call(ast.Name("entrypoint"), [ast.Dict(keys)]):
                return {str(ast.literal_eval(key)) for key in keys if key is not None}
    return set()


def _declared(function: str) -> set[str]:
    return {f"{route.method} {route.path}" for route in routes() if route.function == function}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _event(path: Path) -> Any:
    return json.loads(path.read_text())


def _declared_functions() -> set[tuple[str, str, str]]:
    """Folder, logical id and name of the template's functions."""
    return {
        (properties["CodeUri"].strip("/").removeprefix("functions/"), logical_id, properties["FunctionName"]["Fn::Sub"])
        for logical_id, resource in resources().items()
        if resource["Type"] == "AWS::Serverless::Function"
        for properties in [resource["Properties"]]
    }


def _named(folder: str, name: str) -> tuple[str, str, str]:
    logical_id = "".join(word.capitalize() for word in name.split("_"))
    return folder, f"{logical_id}Function", f"${{AWS::StackName}}-{name.replace('_', '-')}"


def test_every_folder_is_a_function_of_the_template_under_its_own_name_and_one_more_where_it_streams() -> None:
    streamed = {route.function for route in routes() if route.streams}

    assert "invoke_chat" in streamed
    assert _declared_functions() == {
        *(_named(folder, folder) for folder in _FUNCTIONS),
        *(_named(folder, folder.replace("invoke_", "stream_")) for folder in streamed),
    }


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_function_handles_the_routes_that_the_template_sends_it(function: str) -> None:
    handled = _handled(function)

    assert handled == _declared(function)
    assert bool(handled) == (function not in (_AUTHORIZER, *_CONSUMERS))


@pytest.mark.parametrize("route", list(routes()), ids=lambda route: f"{route.method} {route.path}")
def test_a_route_has_an_event_and_its_guard(route: Route) -> None:
    events = [
        path.name
        for path in _HTTP_EVENTS
        if (_event(path).get("httpMethod"), _event(path).get("resource")) == (route.method, route.path)
    ]

    assert events
    assert (route.guard == "operator") == route.path.startswith("/admin/")


@pytest.mark.parametrize("path", _HTTP_EVENTS, ids=lambda path: path.stem)
def test_an_http_event_is_one_of_a_route_or_the_authorizers(path: Path) -> None:
    event = _event(path)

    if path.stem.startswith(_AUTHORIZER):
        assert event["type"] == path.stem.removeprefix(f"{_AUTHORIZER}_").upper()
    else:
        assert (event["httpMethod"], event["resource"]) in {(route.method, route.path) for route in routes()}
        pattern = re.sub(
            r"\{(\w+)\\\+\}", r"(?P<\1>.+)", re.escape(event["resource"]).replace("\\{", "{").replace("\\}", "}")
        )
        assert re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), event["path"])


@pytest.mark.parametrize("function", [name for name in _FUNCTIONS if name not in (_AUTHORIZER, *_CONSUMERS)])
def test_a_function_has_a_direct_event(function: str) -> None:
    assert f"{function}.json" in {path.name for path in _DIRECT_EVENTS}


@pytest.mark.parametrize("path", _DIRECT_EVENTS, ids=lambda path: path.stem)
def test_a_direct_event_is_named_after_its_function_and_operation(path: Path) -> None:
    event = _event(path)

    function = max((name for name in _FUNCTIONS if path.stem.startswith(name)), key=len)
    suffix = path.stem.removeprefix(function).removeprefix("_")
    # A model type's function has one operation: there the rest of the name tells one event from another.
    operation = event.get("operation", suffix if function.startswith("invoke_") else "")
    assert "httpMethod" not in event
    assert not suffix or operation == suffix


@pytest.mark.parametrize("path", [*_HTTP_EVENTS, *_DIRECT_EVENTS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_is_used_by_a_test(path: Path) -> None:
    # The six of the model types are loaded by one test, by their type.
    spellings = {path.stem, re.sub("^invoke_.*", "invoke_{model_type}", path.stem)}
    quoted = re.compile("|".join(rf'["/]{re.escape(name)}"' for name in spellings))
    tests = [
        test.read_text() for suite in ("unit", "integration") for test in (_ROOT / "tests" / suite).rglob("test_*.py")
    ]

    assert any(quoted.search(text) for text in tests)


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_handler_imports_the_surface_and_the_composition_root_alone(function: str) -> None:
    ours = [name for name in _imported(_ROOT / "functions" / function / "handler.py") if name.startswith("tenant_llm")]

    assert ours
    assert [name for name in ours if not name.startswith(_OFFERED)] == []


def test_the_layer_imports_nothing_that_is_not_in_it() -> None:
    outside = [
        (path.name, name)
        for path in sorted((_ROOT / "layers" / "shared" / "python").rglob("*.py"))
        for name in _imported(path)
        if name.partition(".")[0] in ("functions", "local", "tests", "tools")
    ]

    assert outside == []

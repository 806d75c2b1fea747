import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from tenant_llm.domain import errors
from tenant_llm.surface.usage_csv import COLUMNS

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "api.md").read_text()
_CLASS = re.compile(r"^\| `(\w+)` \| (\d{3})(\\\*)? \| (?:`(\w+)`|–) \| `(\w+)` \|", re.MULTILINE)
_ROUTE = re.compile(r"^\| `((?:GET|POST|PUT|DELETE) /\S*?)(?:\?[^`]*)?` \|", re.MULTILINE)


def _classes(base: type[errors.TenantLLMError]) -> Iterator[type[errors.TenantLLMError]]:
    yield base
    for derived in base.__subclasses__():
        yield from _classes(derived)


def test_the_page_tells_of_every_error_what_its_class_does() -> None:
    told = {name: (int(status), bool(star), code, kind) for name, status, star, code, kind in _CLASS.findall(_PAGE)}

    there = {
        one.__name__: (one.status, one.retryable, "" if one is errors.LookupFailed else one.code, one.type)
        for one in _classes(errors.TenantLLMError)
        if one.__module__ == errors.__name__
    }
    assert told == there


def test_the_page_names_the_routes_of_the_template_and_no_other() -> None:
    template = (_ROOT / "template.yaml").read_text()
    there = {
        f"{method} {path.replace('+}', '}')}"
        for method, path in re.findall(r'RestApiId: !Ref Api, Method: (\w+), Path: "([^"]+)"', template)
    }

    assert set(_ROUTE.findall(_PAGE)) == there


@pytest.mark.parametrize("function", ["admin", "get_model_config", "increase_usage"])
def test_every_operation_of_a_function_is_on_the_page(function: str) -> None:
    handler = import_module(f"functions.{function}.handler").handler

    answer = handler({"operation": "?"}, None)

    named = answer["error"]["message"].rpartition("not one of ")[2].split(", ")
    assert len(named) > 1
    assert [name for name in named if f"`{name}`" not in _PAGE] == []


def test_the_page_names_the_columns_of_the_csv_in_their_order() -> None:
    assert f"`{', '.join(COLUMNS)}`" in " ".join(_PAGE.split())


def test_the_example_of_a_streamed_invocation_reads_what_the_adapter_sends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)
    pieces = [b'{"statusCode": 200, "headers": {}}\0\0\0', b"\0\0\0\0\0data: one\n\n", b"data: [DONE]\n\n"]
    events = [*({"PayloadChunk": {"Payload": piece}} for piece in pieces), {"InvokeComplete": {}}]
    client = SimpleNamespace(invoke_with_response_stream=lambda **_: {"EventStream": events})
    monkeypatch.setattr("boto3.client", lambda _: client)

    exec(compile(example, "docs/api.md", "exec"), {})

    assert capsys.readouterr().out == "data: one\n\ndata: [DONE]\n\n"

"""Functions run by the client of Lambda's Python runtime, from the sources, and started from a snapshot."""

import importlib.util
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_pipeline import days
from tests.support.aws import Aws, add_tenant
from tests.support.events import load_event
from tests.support.provider import ProviderServer
from tools.runtime_api import FunctionError, RunningFunction, running

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("awslambdaric") is None, reason="the runtime's client is for Linux alone"
)

_ROOT = Path(__file__).parents[2]
_LAYERS = (_ROOT / "layers" / "shared" / "python", Path(sysconfig.get_path("purelib")))
_ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}


@pytest.fixture(params=[False, True], ids=["on demand", "from a snapshot"])
def chat(request: pytest.FixtureRequest, bundle: Aws) -> Iterator[RunningFunction]:
    snapshot: bool = request.param
    path = (_ROOT / "functions" / "invoke_chat", *_LAYERS)
    with running(path, {**bundle.env, "ALLOW_PRIVATE_PROVIDERS": "true"}, snapshot=snapshot) as function:
        if snapshot:
            function.wait_for_snapshot()
            function.restore.set()
        yield function


def test_a_function_answers_and_counts(chat: RunningFunction, bundle: Aws, provider: ProviderServer) -> None:
    add_tenant(bundle.settings, "tenant123", api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)

    answer = chat.invoke(load_event("direct/invoke_chat"))

    assert answer["choices"][0]["message"]["content"] == "Hello!"
    assert [(day.calls, day.total_tokens) for day in days("tenant123")] == [(1, 18)]


def test_a_failure_that_may_pass_is_an_error_of_the_function(
    chat: RunningFunction, bundle: Aws, provider: ProviderServer
) -> None:
    add_tenant(bundle.settings, "tenant123", api_base=f"{provider.url}/v1")
    provider.reply({"error": {"message": "no"}}, status=429, headers={"retry-after": "100"})

    with pytest.raises(FunctionError, match="RateLimited"):
        chat.invoke(load_event("direct/invoke_chat"))


def test_a_snapshot_holds_no_connection_but_the_runtimes_own(bundle: Aws) -> None:
    """Seen from the kernel, while the function waits to be restored."""
    with running((_ROOT / "functions" / "invoke_chat", *_LAYERS), bundle.env, snapshot=True) as function:
        function.wait_for_snapshot()

        open_files = [path.readlink() for path in Path(f"/proc/{function.process.pid}/fd").iterdir()]

    assert len([file for file in open_files if str(file).startswith("socket:")]) == 1


def test_a_function_that_cannot_initialise_says_why(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("raise RuntimeError('no settings')")

    with running((tmp_path,), {}, snapshot=True) as function, pytest.raises(FunctionError, match="no settings"):
        function.wait_for_snapshot()


def test_a_function_that_crashes_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("def handler(event, context):\n    import os\n    os._exit(3)")

    with running((tmp_path,), {}, snapshot=False) as function, pytest.raises(FunctionError, match=r"ended \(3\)"):
        function.invoke({})


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_at_the_level_of_debugging_no_library_logs_what_it_carries(
    bundle: Aws, provider: ProviderServer, level: str
) -> None:
    """Lambda's runtime sets the level for every logger, and AWS's SDK logs the bodies that it gets."""
    add_tenant(bundle.settings, "tenant123", api_base=f"{provider.url}/v1")
    provider.reply(_ANSWER)
    environment = {**bundle.env, "ALLOW_PRIVATE_PROVIDERS": "true", "AWS_LAMBDA_LOG_LEVEL": level}

    with running((_ROOT / "functions" / "invoke_chat", *_LAYERS), environment, snapshot=False) as function:
        event = load_event("direct/invoke_chat")
        function.invoke(event)
        log = function.log.read_text()

    assert '"call"' in log
    assert "sk-of-acme" not in log
    assert "Hello!" not in log
    assert event["messages"][-1]["content"] not in log

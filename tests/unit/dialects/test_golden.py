"""Every golden pair under tests/wire, of every dialect, in both directions."""

from pathlib import Path
from typing import Any

import pytest

from tenant_llm.dialects import errors, load
from tenant_llm.dialects.contract import Dialect
from tenant_llm.domain.chat import fold
from tenant_llm.domain.errors import TenantLLMError
from tenant_llm.domain.model_type import ModelType
from tests.support.wire import OUTCOMES, ROOT, Case, case_paths, load_case, plain

_LOADERS: dict[ModelType, Any] = {
    ModelType.CHAT: load.chat,
    ModelType.EMBEDDING: load.embedding,
    ModelType.RERANK: load.rerank,
    ModelType.SPEECH2TEXT: load.speech2text,
    ModelType.TTS: load.tts,
}
_HTTP_ERROR = 400


def cases(*keys: str) -> pytest.MarkDecorator:
    """The cases that have one of the keys."""
    return pytest.mark.parametrize(
        "path", case_paths(*keys), ids=lambda path: str(path.relative_to(ROOT).with_suffix(""))
    )


def dialect(case: Case) -> Any:
    module: Dialect[Any, Any] = _LOADERS[case.model_type](case.family)
    return module


def outcome(case: Case) -> Any:
    """What the dialect makes of the answer, or of the request where there is no answer."""
    module = dialect(case)
    if case.events is not None and case.model_type is not ModelType.CHAT:
        return _of_events(case, module)
    if case.events is not None:
        deltas = list(module.parse_stream(iter(case.events), case.target))
        return fold(deltas) if case.deltas is None else deltas
    if case.response is None:
        return module.render(case.request, case.target)
    if case.response.status >= _HTTP_ERROR:
        raise errors.answer_error(case.response, getattr(module, "parse_error", None))
    if case.deltas is not None:
        return list(module.parse_chunks(case.response, [case.response.content], case.request, case.target))
    return module.parse(case.response, case.request, case.target)


def _of_events(case: Case, module: Any) -> Any:
    if case.deltas is not None or not hasattr(module, "parse_events"):
        return list(module.parse_stream(iter(case.events or ()), case.request, case.target))
    return module.parse_events(iter(case.events or ()), case.request, case.target)


@cases("wire_request")
def test_a_request_goes_over_the_wire_as_the_case_says(path: Path) -> None:
    case = load_case(path)

    rendered = dialect(case).render(case.request, case.target)

    assert plain(rendered) == plain(case.wire_request)
    assert rendered == case.wire_request


@cases("follow_up")
def test_a_job_is_followed_as_the_case_says(path: Path) -> None:
    case = load_case(path)
    assert case.response is not None

    following = dialect(case).follow_up(case.response, case.request, case.target)

    assert plain(following) == plain(case.follow_up)
    assert following == case.follow_up


@cases(*OUTCOMES)
def test_an_answer_is_understood_as_the_case_says(path: Path) -> None:
    case = load_case(path)
    if case.error is not None:
        with pytest.raises(TenantLLMError) as caught:
            outcome(case)
        assert type(caught.value).__name__ == case.error.class_name
        assert case.error.message in caught.value.message
        assert {name: getattr(caught.value, name) for name in case.error.facts} == case.error.facts
    elif case.deltas is not None:
        assert [plain(delta) for delta in outcome(case)] == [plain(delta) for delta in case.deltas]
    else:
        assert plain(outcome(case)) == plain(case.result)


@cases()
def test_a_case_says_what_it_shows_and_where_the_facts_stand(path: Path) -> None:
    case = load_case(path)

    assert case.docs.startswith("https://")
    assert case.about.endswith(".")

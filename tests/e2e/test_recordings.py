"""Recorded traffic through the whole stack, over two sockets: the caller's and the provider's.

A caller sends OpenAI's request of the same meaning as the recorded one; the provider answers with the recorded bytes.
What the caller gets, what the provider was asked and what is booked have to agree with the recording. The recordings
are not part of this repository: ``RECORDINGS=/path/to/open.jsonl pytest tests/e2e/test_recordings.py``.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.wire import GoogleOAuth
from tenant_llm.transport.auth import google
from tests.support.aws import point_to
from tests.support.recordings import callers, records, verdict
from tests.support.recordings.exceptions import REFUSED, excused, unplayable
from tests.support.recordings.records import Plan, Record, plan
from tests.support.recordings.stage import KEY_FILE, Caller, Stage
from tests.support.recordings.stage import stage as serving

_RECORDS = records.recordings()

pytestmark = [
    pytest.mark.skipif(not _RECORDS, reason=records.MISSING),
    pytest.mark.not_on_stack("keeps a token for Google in the server's process"),
]


def _parameters() -> Iterator[Any]:
    """Every recording that is replayed; of those that are not, a line a reason, which ``-ra`` shows."""
    left: Counter[str] = Counter()
    for record in _RECORDS:
        how = unplayable(record) or plan(record)
        if isinstance(how, Plan):
            yield pytest.param(record, how, id=f"{record['api']}-{record['provider']}-{record['id']}")
        else:
            left[f"{record['api']}: {how}"] += 1
    for reason, number in sorted(left.items()):
        yield pytest.param(None, None, id=reason, marks=pytest.mark.skip(reason=f"{number} of {reason}"))


@pytest.fixture(scope="module")
def stage(aws_server: Mapping[str, str], api: str) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLOW_PRIVATE_PROVIDERS", "true")
        patch.setenv("PROVIDER_ATTEMPTS", "1")
        for _ in point_to(aws_server, patch):
            google.tokens().keep("ya29.replayed", 3600, KEY_FILE, GoogleOAuth("").scope)
            with serving(api, aws_server) as found:
                yield found
    google.tokens.cache_clear()


@pytest.mark.parametrize(("record", "how"), list(_parameters()))
def test_a_recording_is_replayed(stage: Stage, record: Record, how: Plan) -> None:
    caller = stage.tenant(record, how, records.model(record))

    faults = [fault for fault in _faults(caller, record) if not excused(record, fault)]

    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


@pytest.mark.parametrize("chain", records.jobs(), ids=lambda chain: chain[0]["id"])
def test_a_recorded_job_is_followed_to_its_end(stage: Stage, chain: list[Record]) -> None:
    created, last = chain[0], chain[-1]
    given = dict(created["request_body"]["input"])
    prompt, version = given.pop("prompt"), created["request_body"]["version"]
    how = Plan(created["provider"], ModelType.CHAT, "/v1")
    caller = stage.tenant(created, how, f"{created['model']}:{version}", ",".join(record["id"] for record in chain))

    body = {"model": caller.model.address, "messages": [{"role": "user", "content": prompt}], **given}
    answer = caller.post("/v1/chat/completions", json=body).json()

    asked = [json.loads(line) for line in stage.asked()]
    assert answer["choices"][0]["message"]["content"] == last["expect"]["text"]
    assert asked[0]["body"] == created["request_body"]
    assert [f"{line['method']} {line['suffix']}" for line in asked] == [
        f"{record['method']} {record['url_path']}" for record in chain
    ]
    assert caller.booked()[0]["calls"] == 1


def _faults(caller: Caller, record: Record) -> Iterator[str]:
    route, sent = callers.ask(record, caller.model.address)
    answer = caller.post(route, **sent)
    asked = caller.stage.asked()
    expected = record["expect"].get("error_message") if record["status"] < 300 else True
    if expected and verdict.refused(answer, asked):
        yield f"{REFUSED}: {answer.text}"
    elif expected:
        yield from verdict.faults_of_request(record, asked)
        yield from verdict.faults_of_error(record, answer)
    elif answer.status_code != 200:
        yield f"{answer.status_code}: {answer.text}"[:600]
    else:
        yield from verdict.faults_of_request(record, asked)
        yield from verdict.faults_of_meaning(record, asked)
        read = verdict.answered(record, answer)
        yield from verdict.faults_of_answer(record, read)
        if record["streaming"]:
            with caller.stage.cutting_oddly():
                again = verdict.answered(record, caller.post(route, **sent))
            yield from [] if again == read else [f"cut at odd places it says {again}, whole {read}"]
        yield from verdict.faults_of_books(read, *caller.booked(), calls=2 if record["streaming"] else 1)
        return
    totals, row = caller.booked()
    if totals["calls"] or row:
        yield f"booked {totals}, on the row {row}"

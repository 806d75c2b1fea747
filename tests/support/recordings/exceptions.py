"""Recordings that cannot agree with what is done here, each kind with its reason."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.recordings.records import Record

REFUSED = "refused here"
"""How the fault begins that a request was not sent, but answered with its own fault."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """Faults that begin so are none of ours, in recordings of that kind; without a fault they are not replayed."""

    reason: str
    of: Callable[[Record], bool]
    faults: tuple[str, ...] = ()


EXEMPTIONS = (
    Exemption(
        "the request is no JSON",
        lambda record: record["api"] == "openai-chat" and record["request_body_encoding"] == "text",
    ),
    Exemption(
        "asks for no result at all, which is refused",
        lambda record: record["api"].endswith("rerank") and (record["request_body"] or {}).get("top_n") == 0,
    ),
    Exemption(
        "OpenAI's messages have no mark for what a guardrail is to look at",
        lambda record: "guardContent" in str(record["request_body"]),
    ),
    Exemption(
        "a server with a path of its own, which no base URL leads to",
        lambda record: record["url_path"] in {"/openai", "/v1/chat"},
        ("path_ok",),
    ),
    Exemption(
        "the older version's path; body and answer are the same",
        lambda record: record["url_path"] in {"/v1/embed", "/v1/rerank"} and record["provider"] == "Cohere",
        ("path_ok",),
    ),
    Exemption(
        "this server streams where nothing is said of it; here it is always said",
        lambda record: record["api"].startswith("ollama") and "stream" not in (record["request_body"] or {}),
        ("stream_same",),
    ),
    Exemption(
        "vectors are asked for as numbers, and packed for the caller who wants them so",
        lambda record: record["model_type"] == "embedding",
        ("not sent: 'base64'",),
    ),
    Exemption(
        "a deployment has one name here, and the path tells it",
        lambda record: "/deployments/" in record["url_path"],
        ("not sent: 'embedding'",),
    ),
    Exemption(
        "a document's text goes as its bytes",
        lambda record: record["api"] == "bedrock-converse" and "document" in str(record["request_body"]),
        ("not sent: 'the ruby programming",),
    ),
    Exemption(
        "what is not said is meant",
        lambda record: record["provider"] == "Bedrock",
        ("not sent: 'success'", "not sent: 'none'"),
    ),
    Exemption(
        "another word for the same, by the documentation",
        lambda record: record["api"] == "cohere-v2-chat",
        ("not sent: 'json_schema'",),
    ),
    Exemption(
        "the least that the documentation allows",
        lambda record: record["provider"] == "ZHIPU-AI",
        ("not sent: '0.0'",),
    ),
    Exemption(
        "a transcription is asked for with a form or the bytes",
        lambda record: record["model_type"] == "speech2text",
        ("not sent: ",),
    ),
    Exemption(
        "a request that cannot be right is refused before it is sent",
        lambda record: record["status"] in {400, 422},
        (REFUSED,),
    ),
)


def excused(record: Record, fault: str) -> bool:
    """Whether a fault is exempt."""
    return any(
        fault.startswith(exemption.faults) for exemption in EXEMPTIONS if exemption.faults and exemption.of(record)
    )


def unplayable(record: Record) -> str:
    """Why a recording is not replayed; empty where it is."""
    return next((exemption.reason for exemption in EXEMPTIONS if not exemption.faults and exemption.of(record)), "")

"""The recordings, where there are any, and for each how it is replayed: as whose model, at which base URL."""

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from tenant_llm.catalogue.load import provider
from tenant_llm.domain.model_type import ModelType
from tools.recordings import families

type Record = dict[str, Any]

_DEFAULT = Path(__file__).parents[3].parent / "shared" / "cassettes" / "open.jsonl"
MISSING = "no recordings: set RECORDINGS to a file of them (see tools/recordings.py), with their replay.py beside it"

NOT_SPOKEN = {
    "openai-responses": "the Responses API: callers and providers meet on Chat Completions here",
    "openai-completions": "OpenAI's older text completions are no chat",
    "cohere-v1-chat": "the first version of the API, which the second replaces",
    "cohere-v1-generate": "the first version of the API, which the second replaces",
    "cloudflare-run": "the factory is none of the catalogue's",
    "ollama-generate": "a prompt without roles; the chat endpoint of the same server is used",
    "bedrock-invoke": "the makers' own bodies: all chat goes over Converse",
    "replicate-prediction": "the beginning of a job: see ``jobs``",
    "replicate-poll": "a later answer of a job: see ``jobs``",
    "elevenlabs-tts": "the factory is none of the catalogue's",
    "deepgram-speak": "only the transcription of this provider is offered, by another factory",
    "xai-stt": "the factory offers chat only",
    "xai-tts": "the factory offers chat only",
    "mistral-ocr": "reads documents, which is no model type",
    "model-list": "asks for no model",
}
"""Wires that are not spoken, each with the reason. Their replay.py would serve a pair of recordings under ``/seq/``."""

_STAND_INS = {
    "openai-chat": "OpenAI-API-Compatible",
    "openai-embeddings": "OpenAI-API-Compatible",
    "openai-transcription": "OpenAI-API-Compatible",
    "openai-tts": "OpenAI-API-Compatible",
    "jina-style-rerank": "OpenAI-API-Compatible",
    "anthropic-messages": "Anthropic",
    "gemini-generate": "Gemini",
    "gemini-embed": "Gemini",
    "deepgram-listen": "GreenPT",
}
"""Wire → the factory that speaks it at any base URL, for providers that the catalogue lacks, or has on another wire."""

_ENDPOINTS = re.compile(
    r"/(?:chat/completions|embeddings|rerank|audio/transcriptions|audio/speech|listen|v1/messages|messages"
    r"|v[12]/(?:chat|embed|rerank)|v2/audio/transcriptions|api/chat|api/embed|(?:v1(?:beta1?)?/)?(?:models|projects|tunedModels)/.+"
    r"|model/.+)$"
)


_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a recording is replayed: the factory and type of the model, and what its base URL ends in."""

    factory: str
    model_type: ModelType
    prefix: str


@cache
def recordings() -> tuple[Record, ...]:
    """All of them, in the file's order; none where there is no file."""
    path = _file()
    if not path.exists():
        return ()
    return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


def jobs() -> list[list[Record]]:
    """Predictions that were recorded to their end: what created each, and its polls in their order."""
    polls: dict[str, list[Record]] = {}
    for record in recordings():
        if record["api"] == "replicate-poll":
            polls.setdefault(record["response_body"]["id"], []).append(record)
    created = [record for record in recordings() if record["api"] == "replicate-prediction"]
    chains = [[record, *sorted(polls.get(record["response_body"]["id"], []), key=_progress)] for record in created]
    return [chain for chain in chains if chain[-1]["response_body"]["status"] not in ("starting", "processing")]


def _progress(record: Record) -> tuple[int, int]:
    said = record["response_body"]
    return ("starting", "processing", said["status"]).index(said["status"]), len(said["logs"])


@cache
def replayer() -> ModuleType:
    """The server that came with the recordings, which also judges what it was asked."""
    spec = spec_from_file_location("replay", _file().with_name("replay.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def file() -> Path:
    """Where the recordings are."""
    return _file()


def plan(record: Record) -> Plan | str:
    """How a recording is replayed, or why it is not."""
    if not families(record) or record["model_type"] not in set(ModelType):
        return NOT_SPOKEN.get(record["api"], f"no dialect for {record['model_type']} speaks this wire")
    kind = ModelType(record["model_type"])
    for factory in (record["provider"], _STAND_INS.get(record["api"], "")):
        row = provider(factory)
        for offered in (kind, ModelType.CHAT) if kind == ModelType.IMAGE2TEXT else (kind,):
            if row is not None and row.dialects.get(offered) in families(record):
                return Plan(factory, offered, _prefix(record))
    return f"{record['provider']} offers no {kind} over {record['api']}, nor does a factory that takes any address"


def model(record: Record) -> str:
    """The model's name as the tenant has it: the deployment's where the path names one."""
    deployed = _DEPLOYMENT.search(record["url_path"])
    return deployed[1] if deployed else record["model"] or "a-model"


def _prefix(record: Record) -> str:
    """The part of the recorded path that a tenant would have given as the base URL's."""
    return _ENDPOINTS.sub("", urlsplit(record["url_path"]).path)


def _file() -> Path:
    return Path(os.environ.get("RECORDINGS") or _DEFAULT)

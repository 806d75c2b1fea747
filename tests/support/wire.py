"""Golden wire pairs: a request and what goes over the wire, what comes back and the result.

``tests/wire/<family>/<model_type>/<case>.json`` holds one case, written from the provider's documentation::

    docs, about       where the facts stand (https) and one sentence on what the case shows
    config            base_url, wire_name; quirks, credential and other fields of ModelConfig where they matter
    request           fields of the domain request
    wire_request      fields of WireRequest; auth as {"<class>": {fields}}, a bearer token where absent
    wire_response     status, headers, and one of json, text, base64, events
    follow_up         of a job: the next request after that answer, as wire_request; null where the answer is the last
    result            the parsed result; of a streamed chat "streamed" (folded); of any stream "deltas" (one by one)
    error             class (and message, a part of it; status, code, param, retry_after) that is raised instead

Bytes are ``{"text": …}`` or ``{"base64": …}``. An event is its data as text, or ``{"event": name, "data": JSON}``, or
``{"event": name, "text": data}``.
Whatever a case leaves out has the default of its class, and everything is compared in full.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from json import dumps, loads
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeAliasType, Union, get_args, get_origin, get_type_hints

from tenant_llm.domain import wire
from tenant_llm.domain.chat import ChatDelta, ChatRequest, ChatResult
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.speech2text import TranscriptionDelta, TranscriptionRequest, TranscriptionResult
from tenant_llm.domain.target import Credential, ModelConfig, Target
from tenant_llm.domain.tts import SpeechDelta, SpeechRequest, SpeechResult
from tenant_llm.domain.wire import Json, JsonObject, ServerEvent, WireRequest, WireResponse

ROOT = Path(__file__).parents[1] / "wire"

_REQUESTS: Mapping[ModelType, type[Any]] = {
    ModelType.CHAT: ChatRequest,
    ModelType.EMBEDDING: EmbeddingRequest,
    ModelType.RERANK: RerankRequest,
    ModelType.SPEECH2TEXT: TranscriptionRequest,
    ModelType.TTS: SpeechRequest,
}
_RESULTS: Mapping[ModelType, type[Any]] = {
    ModelType.CHAT: ChatResult,
    ModelType.EMBEDDING: EmbeddingResult,
    ModelType.RERANK: RerankResult,
    ModelType.SPEECH2TEXT: TranscriptionResult,
    ModelType.TTS: SpeechResult,
}
_DELTAS: Mapping[ModelType, type[Any]] = {
    ModelType.CHAT: ChatDelta,
    ModelType.SPEECH2TEXT: TranscriptionDelta,
    ModelType.TTS: SpeechDelta,
}
OUTCOMES = ("result", "streamed", "deltas", "error")
_KEYS = {"docs", "about", "config", "request", "wire_request", "wire_response", "follow_up", *OUTCOMES}


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """What is raised; ``message`` is a part of the whole."""

    class_name: str
    message: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One golden pair in domain values. Of ``response`` and ``events`` one is there, or none."""

    name: str
    docs: str
    about: str
    family: str
    model_type: ModelType
    target: Target
    request: Any
    wire_request: WireRequest | None = None
    response: WireResponse | None = None
    events: list[ServerEvent] | None = None
    follow_up: WireRequest | None = None
    result: Any = None
    deltas: list[Any] | None = None
    error: ExpectedError | None = None


def case_paths(*keys: str) -> list[Path]:
    """Every case file, of whatever family; with keys, those that have one of them."""
    paths = sorted(ROOT.glob("*/*/*.json"))
    return [path for path in paths if not keys or loads(path.read_text(encoding="utf-8")).keys() & set(keys)]


def load_case(path: Path) -> Case:
    """The case in a file.

    Raises:
        ValueError: When a key is unknown, or nothing is expected of the case.
    """
    data = loads(path.read_text(encoding="utf-8"))
    if unknown := data.keys() - _KEYS:
        raise ValueError(f"{path}: unknown keys {sorted(unknown)}")
    if not data.keys() & {"wire_request", "follow_up", *OUTCOMES}:
        raise ValueError(f"{path}: neither half of a pair")
    family, model_type = path.parts[-3], ModelType(path.parts[-2])
    answer = data.get("wire_response")
    follow_up = data.get("follow_up")
    outcome = data.get("result", data.get("streamed"))
    return Case(
        name=f"{family}/{model_type}/{path.stem}",
        docs=data["docs"],
        about=data["about"],
        family=family,
        model_type=model_type,
        target=_target(data["config"], family, model_type),
        request=decode(_REQUESTS[model_type], data["request"]),
        wire_request=_wire_request(data["wire_request"]) if "wire_request" in data else None,
        response=_response(answer) if answer and "events" not in answer else None,
        events=[_event(event) for event in answer["events"]] if answer and "events" in answer else None,
        follow_up=None if follow_up is None else _wire_request(follow_up),
        result=None if outcome is None else decode(_RESULTS[model_type], outcome),
        deltas=[decode(_DELTAS[model_type], delta) for delta in data["deltas"]] if "deltas" in data else None,
        error=_error(data["error"]) if "error" in data else None,
    )


def decode(kind: Any, value: Json) -> Any:
    """A domain value of a type from JSON: dataclasses by their fields, tuples and bytes inside them too."""
    if isinstance(kind, TypeAliasType):
        return decode(kind.__value__, value)
    if is_dataclass(kind) and isinstance(kind, type):
        return _instance(kind, value)
    if kind is bytes:
        return _bytes(value)
    if get_origin(kind) in (Union, UnionType):
        options = [option for option in get_args(kind) if option is not NoneType]
        return value if value is None or len(options) > 1 else decode(options[0], value)
    if get_origin(kind) is tuple:
        return tuple(decode(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is dict or (get_origin(kind) is Mapping and isinstance(value, dict)):
        return {key: decode(get_args(kind)[1], item) for key, item in value.items()}
    return value


def plain(value: Any) -> Any:
    """A dataclass as nested dictionaries, which pytest compares field by field even where the repr hides one.

    Fields that take no part in a comparison are left out.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value) if item.compare}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return value


def _instance(kind: type[Any], value: JsonObject) -> Any:
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    if unknown := value.keys() - known:
        raise ValueError(f"{kind.__name__} has no fields {sorted(unknown)}")
    return kind(**{name: decode(hints[name], item) for name, item in value.items()})


def _bytes(value: JsonObject) -> bytes:
    ((kind, text),) = value.items()
    if kind not in ("text", "base64"):
        raise ValueError(f"bytes are text or base64, not {kind!r}")
    return str(text).encode() if kind == "text" else b64decode(text)


def _target(config: JsonObject, family: str, model_type: ModelType) -> Target:
    config = dict(config)
    credential = config.pop("credential", {"api_key": "key"})
    given = {
        "tenant_id": "tenant",
        "llm_name": config["wire_name"],
        "factory": "Example",
        "model_type": model_type,
        "dialect": family,
    }
    return Target(decode(ModelConfig, given | config), Credential(credential))


def _wire_request(data: JsonObject) -> WireRequest:
    data = dict(data)
    ((name, values),) = data.pop("auth", {"Bearer": {}}).items()
    form = data.pop("form", None)
    content = data.pop("content", None)
    return WireRequest(
        **data,
        auth=getattr(wire, name)(**values),
        form=None if form is None else decode(wire.Form, form),
        content=None if content is None else _bytes(content),
    )


def _response(data: JsonObject) -> WireResponse:
    if "json" in data:
        content = dumps(data["json"], ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
    else:
        content = _bytes({key: data[key] for key in ("text", "base64") if key in data})
        headers = {}
    return WireResponse(data.get("status", 200), content, headers | data.get("headers", {}))


def _event(event: Json) -> ServerEvent:
    if isinstance(event, str):
        return ServerEvent(event)
    data = event["text"] if "text" in event else dumps(event["data"], ensure_ascii=False)
    return ServerEvent(data, event.get("event", ""))


def _error(data: JsonObject) -> ExpectedError:
    facts = {key: value for key, value in data.items() if key not in ("class", "message")}
    return ExpectedError(data["class"], data.get("message", ""), facts)

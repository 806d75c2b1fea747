"""Requests of wires that are close to OpenAI's, and of the types that have one field or two."""

import json
from typing import Any

_COHERE = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
_OLLAMA = {"num_predict": "max_tokens"}
_SIDES = {"search_document": "document", "search_query": "query"}


def openai_chat(body: Any) -> dict[str, Any]:
    """The body as it is, but for what OpenAI demands and some providers do without: ids of calls, types of tools."""
    ids: list[str] = []
    for message in body["messages"]:
        for call in message.get("tool_calls") or []:
            ids.append(call.setdefault("id", f"call_{len(ids)}"))
        if message["role"] == "tool":
            message.setdefault("tool_call_id", ids[-1] if ids else "call_unknown")
    for tool in body.get("tools") or []:
        tool.setdefault("type", "function")
    return dict(body)


def cohere_chat(body: Any) -> dict[str, Any]:
    asked = {_COHERE.get(name, name): value for name, value in body.items() if value is not None}
    if isinstance(choice := asked.get("tool_choice"), str):
        asked["tool_choice"] = choice.lower()
    form = asked.get("response_format") or {}
    if schema := form.get("json_schema") or form.get("schema"):
        asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    asked["messages"] = [_with_text(message) for message in body["messages"]]
    return asked


def _with_text(message: Any) -> dict[str, Any]:
    """A tool's result may be documents on Cohere's wire; on OpenAI's it is text."""
    if message["role"] != "tool" or isinstance(message["content"], str):
        return dict(message)
    texts = [part.get("text") or json.dumps(part) for part in message["content"]]
    return {**message, "content": "".join(texts)}


def ollama_chat(body: Any) -> dict[str, Any]:
    asked = {name: value for name, value in body.items() if name not in {"options", "format"} and value is not None}
    asked |= {_OLLAMA.get(name, name): value for name, value in (body.get("options") or {}).items()}
    if isinstance(form := body.get("format"), dict):
        asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": form}}
    elif form == "json":
        asked["response_format"] = {"type": "json_object"}
    asked["messages"] = [_with_parts(message) for message in body["messages"]]
    return asked


def _with_parts(message: Any) -> dict[str, Any]:
    said = {name: value for name, value in message.items() if name not in {"images", "tool_calls", "tool_name"}}
    if images := message.get("images"):
        parts = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}} for data in images]
        said["content"] = [{"type": "text", "text": message.get("content", "")}, *parts]
    if calls := message.get("tool_calls"):
        said["tool_calls"] = [_call(call, index) for index, call in enumerate(calls)]
    if message["role"] == "tool":
        said = {"tool_call_id": "call_0", "name": message.get("tool_name"), **said}
    return said


def _call(call: Any, index: int) -> dict[str, Any]:
    function = {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}
    return {"id": call.get("id", f"call_{index}"), "type": "function", "function": function}


def embedding(body: Any) -> dict[str, Any]:
    """OpenAI's and Voyage's are the same but for names; ``null`` is what those clients say for nothing."""
    asked = {name: value for name, value in body.items() if value is not None and name != "output_dimension"}
    return asked | ({"dimensions": body["output_dimension"]} if body.get("output_dimension") else {})


def cohere_embedding(body: Any) -> dict[str, Any]:
    asked = embedding({name: value for name, value in body.items() if name != "texts"})
    return asked | {"input": body["texts"], "input_type": _SIDES[body["input_type"]]}


def rerank(body: Any) -> dict[str, Any]:
    asked = {name: value for name, value in body.items() if value is not None}
    return asked | ({"top_n": asked.pop("top_k")} if "top_k" in asked else {})


def invoked_embedding(body: Any) -> dict[str, Any]:
    """The bodies of Bedrock's embedding models: Titan's, Nova's and Cohere's."""
    if "texts" in body:
        return cohere_embedding(body)
    if single := body.get("singleEmbeddingParams"):
        own = {"embeddingPurpose": single["embeddingPurpose"]}
        return {"input": single["text"]["value"], "dimensions": single["embeddingDimension"], **own}
    return {"input": body["inputText"]} | {name: body[name] for name in ("dimensions", "normalize") if name in body}

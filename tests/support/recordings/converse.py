"""Requests of Bedrock's Converse as a caller of OpenAI's would have written them."""

import json
from base64 import b64encode
from typing import Any

_INFERENCE = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
_BESIDE = ("guardrailConfig", "additionalModelRequestFields", "performanceConfig")
_MARK = {"cache_control": {"type": "ephemeral"}}
_DOCUMENTS = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "html": "text/html"}


def chat(body: Any, *, stream: bool) -> dict[str, Any]:
    """A chat completion's body."""
    given = body.get("inferenceConfig") or {}
    asked = {ours: given[theirs] for theirs, ours in _INFERENCE.items() if theirs in given}
    asked |= {name: body[name] for name in _BESIDE if body.get(name)}
    system = [{"role": "system", "content": _parts(body["system"])}] if body.get("system") else []
    asked["messages"] = [*system, *(said for turn in body["messages"] for said in _turn(turn))]
    config = body.get("toolConfig") or {}
    if config.get("tools"):
        asked["tools"] = [_tool(tool) for tool in config["tools"]]
    if choice := config.get("toolChoice"):
        named = choice.get("tool")
        asked["tool_choice"] = {"type": "function", "function": named} if named else _word(choice)
    if form := (body.get("outputConfig") or {}).get("textFormat"):
        told = form["structure"]["jsonSchema"]
        schema = {"name": told.get("name", "answer"), "schema": json.loads(told["schema"])}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    return asked | ({"stream": True} if stream else {})


def _word(choice: Any) -> str:
    return "required" if "any" in choice else "auto"


def _turn(turn: Any) -> list[dict[str, Any]]:
    blocks = turn["content"]
    if turn["role"] == "assistant":
        return [_assistant(blocks)]
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    rest = _parts([block for block in blocks if "toolResult" not in block])
    return [*map(_result, results), *([{"role": "user", "content": rest}] if rest else [])]


def _assistant(blocks: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    message["content"] = "".join(block["text"] for block in blocks if "text" in block) or None
    thoughts = [block["reasoningContent"]["reasoningText"] for block in blocks if "reasoningContent" in block]
    if thoughts:
        message["thinking_blocks"] = [{"type": "thinking", "thinking": t["text"], **t} for t in thoughts]
    if called := [block["toolUse"] for block in blocks if "toolUse" in block]:
        message["tool_calls"] = [_call(call) for call in called]
    return message


def _call(call: Any) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["input"])}
    return {"id": call["toolUseId"], "type": "function", "function": function}


def _result(result: Any) -> dict[str, Any]:
    said = [{"text": json.dumps(block["json"])} if "json" in block else block for block in result["content"]]
    failed = {"is_error": True} if result.get("status") == "error" else {}
    return {"role": "tool", "tool_call_id": result["toolUseId"], "content": _parts(said), **failed}


def _parts(blocks: Any) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for block in blocks:
        if "cachePoint" in block:
            parts[-1] |= _MARK
        else:
            parts.append(_part(block))
    return parts


def _part(block: Any) -> dict[str, Any]:
    if "image" in block:
        image = block["image"]
        url = f"data:image/{image['format']};base64,{image['source']['bytes']}"
        return {"type": "image_url", "image_url": {"url": url}}
    if "document" in block:
        document = block["document"]
        source = document["source"]
        packed = source["bytes"] if "bytes" in source else b64encode(source["text"].encode()).decode()
        data = f"data:{_DOCUMENTS[document['format']]};base64,{packed}"
        return {"type": "file", "file": {"filename": document["name"], "file_data": data}}
    return {"type": "text", "text": block["text"]}


def _tool(tool: Any) -> dict[str, Any]:
    if "toolSpec" not in tool:
        return {"type": next(iter(tool)), **tool}
    spec = tool["toolSpec"]
    function = {name: spec[name] for name in ("name", "description", "strict") if name in spec}
    return {"type": "function", "function": {**function, "parameters": spec["inputSchema"]["json"]}}

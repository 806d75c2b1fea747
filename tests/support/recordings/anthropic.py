"""Requests of the Messages wire (also as Vertex AI takes them) as a caller of OpenAI's would have written them."""

import json
from typing import Any

_SAME = ("max_tokens", "temperature", "top_p", "top_k", "stream", "thinking", "metadata", "service_tier")


def chat(body: Any) -> dict[str, Any]:
    """A chat completion's body."""
    asked = {name: body[name] for name in _SAME if body.get(name) is not None}
    asked["messages"] = [*_system(body.get("system")), *(said for turn in body["messages"] for said in _turn(turn))]
    if body.get("stop_sequences"):
        asked["stop"] = body["stop_sequences"]
    if body.get("tools"):
        asked["tools"] = [_tool(tool) for tool in body["tools"]]
    if choice := body.get("tool_choice"):
        asked["tool_choice"] = _choice(choice)
        if choice.get("disable_parallel_tool_use"):
            asked["parallel_tool_calls"] = False
    config = dict(body.get("output_config") or {})
    if wanted := config.pop("format", None) or body.get("output_format"):
        schema = {"name": "answer", "schema": wanted["schema"]}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    if config:
        asked["output_config"] = config
    return asked


def _system(system: Any) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}] if system else []


def _turn(turn: Any) -> list[dict[str, Any]]:
    blocks = turn["content"]
    if isinstance(blocks, str):
        return [{"role": turn["role"], "content": blocks}]
    return [_assistant(blocks)] if turn["role"] == "assistant" else _user(blocks)


def _user(blocks: Any) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    for block in blocks:
        if block["type"] == "tool_result":
            result = {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _result(block.get("content"))}
            marks = {name: block[name] for name in ("is_error", "cache_control") if name in block}
            said.append({**result, **marks})
        elif said and said[-1]["role"] == "user":
            said[-1]["content"].append(_part(block))
        else:
            said.append({"role": "user", "content": [_part(block)]})
    return said


def _result(content: Any) -> Any:
    return [_part(block) for block in content] if isinstance(content, list) else content or ""


def _assistant(blocks: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": [b for b in blocks if b["type"] == "text"] or None}
    if thoughts := [block for block in blocks if "thinking" in block["type"]]:
        message["thinking_blocks"] = thoughts
    if called := [block for block in blocks if block["type"] == "tool_use"]:
        message["tool_calls"] = [_call(block) for block in called]
    others = [b for b in blocks if b["type"] not in {"text", "tool_use"} and "thinking" not in b["type"]]
    return message | ({"content_blocks": others} if others else {})


def _call(block: Any) -> dict[str, Any]:
    function = {"name": block["name"], "arguments": json.dumps(block["input"])}
    return {"id": block["id"], "type": "function", "function": function}


def _part(block: Any) -> dict[str, Any]:
    """Text as it is, an image as OpenAI writes it; other blocks (documents) have no other form that says as much."""
    source = block.get("source", {})
    if block["type"] != "image":
        return dict(block)
    url = source["url"] if source["type"] == "url" else f"data:{source['media_type']};base64,{source['data']}"
    marks = {"cache_control": block["cache_control"]} if "cache_control" in block else {}
    return {"type": "image_url", "image_url": {"url": url}, **marks}


def _tool(tool: Any) -> dict[str, Any]:
    if "input_schema" not in tool:
        return dict(tool)
    function = {name: tool[name] for name in ("name", "description", "strict") if name in tool}
    marks = {"cache_control": tool["cache_control"]} if "cache_control" in tool else {}
    return {"type": "function", "function": {**function, "parameters": tool["input_schema"]}, **marks}


def _choice(choice: Any) -> Any:
    if choice["type"] == "tool":
        return {"type": "function", "function": {"name": choice["name"]}}
    return {"any": "required"}.get(choice["type"], choice["type"])

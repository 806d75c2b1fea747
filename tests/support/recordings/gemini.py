"""Requests of Gemini's wire as a caller of OpenAI's would have written them."""

import json
from typing import Any

_SETTINGS = {
    "maxOutputTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "candidateCount": "n",
    "stopSequences": "stop",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
_MODES = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "validated"}
_BESIDE = ("safetySettings", "cachedContent", "labels")


def chat(body: Any, *, stream: bool) -> dict[str, Any]:
    """A chat completion's body."""
    calls = _Calls()
    system = (body.get("systemInstruction") or {}).get("parts") or []
    said = [message for content in body["contents"] for message in calls.messages(content)]
    asked = _settings(dict(body.get("generationConfig") or {}))
    asked["messages"] = [*({"role": "system", "content": part["text"]} for part in system if part.get("text")), *said]
    asked |= {name: body[name] for name in _BESIDE if body.get(name)}
    if tools := [tool for group in body.get("tools") or [] for tool in _tools(group)]:
        asked["tools"] = tools
    config = dict(body.get("toolConfig") or {})
    if chosen := config.pop("functionCallingConfig", None):
        names = chosen.get("allowedFunctionNames")
        asked["tool_choice"] = {"type": "function", "function": {"name": names[0]}} if names else _MODES[chosen["mode"]]
    if config:
        asked["toolConfig"] = config
    return asked | ({"stream": True} if stream else {})


def texts(body: Any) -> list[str]:
    """The texts of one embedding or of a batch."""
    asked = [item["content"] for item in body["requests"]] if "requests" in body else [body["content"]]
    return ["".join(part["text"] for part in content["parts"]) for content in asked]


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    asked = {ours: config.pop(theirs) for theirs, ours in _SETTINGS.items() if theirs in config}
    schema = config.pop("responseJsonSchema", None) or config.pop("responseSchema", None)
    if config.pop("responseMimeType", None) == "application/json":
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        asked["response_format"] = form if schema else {"type": "json_object"}
    if modalities := config.pop("responseModalities", None):
        asked["modalities"] = [modality.lower() for modality in modalities]
    return asked | ({"generationConfig": config} if config else {})


class _Calls:
    """Calls have no id on this wire, or one that the caller invents: results are told apart by name and order."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []

    def messages(self, content: Any) -> list[dict[str, Any]]:
        parts = [_plain(part) for part in content["parts"]]
        if content.get("role") == "model":
            return [self._answer(parts)]
        said = [self._result(part["functionResponse"]) for part in parts if "functionResponse" in part]
        rest = [_part(part) for part in parts if "functionResponse" not in part]
        return [*said, *([{"role": "user", "content": rest}] if rest else [])]

    def _answer(self, parts: list[Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        if text := "".join(part["text"] for part in parts if part.get("text") and not part.get("thought")):
            message["content"] = text
        for part in parts:
            signature = part.get("thoughtSignature")
            extra = {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}
            if "functionCall" in part:
                message.setdefault("tool_calls", []).append({**self._call(part["functionCall"]), **extra})
            else:
                message |= extra
        return message

    def _call(self, call: Any) -> dict[str, Any]:
        id_ = call.get("id") or f"call_{len(self._open)}"
        self._open.append((call["name"], id_))
        function = {"name": call["name"], "arguments": json.dumps(call.get("args") or {})}
        return {"id": id_, "type": "function", "function": function}

    def _result(self, result: Any) -> dict[str, Any]:
        found = next((item for item in self._open if item[0] == result["name"]), None)
        if found:
            self._open.remove(found)
        id_ = result.get("id") or (found[1] if found else "call_unknown")
        response = result["response"]
        text = response["output"] if isinstance(response.get("output"), str) else json.dumps(response)
        seen = [_part(_plain(part)) for part in result.get("parts", ())]
        content = [{"type": "text", "text": text}, *seen] if seen else text
        return {"role": "tool", "tool_call_id": id_, "name": result["name"], "content": content}


def _plain(part: Any) -> dict[str, Any]:
    """A part by the names of JSON; the names of protocol buffers are taken too."""
    names = {"inline_data": "inlineData", "mime_type": "mimeType", "file_data": "fileData", "file_uri": "fileUri"}
    names |= {"function_call": "functionCall", "function_response": "functionResponse"}
    names |= {"thought_signature": "thoughtSignature"}
    plain = {names.get(name, name): value for name, value in part.items()}
    for name in ("inlineData", "fileData"):
        if name in plain:
            plain[name] = {names.get(key, key): value for key, value in plain[name].items()}
    return plain


def _part(part: Any) -> dict[str, Any]:
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "fileData" in part:
        return {"type": "image_url", "image_url": {"url": part["fileData"]["fileUri"]}}
    blob = part["inlineData"]
    kind, data = blob["mimeType"], blob["data"]
    if kind.startswith("audio/"):
        return {"type": "input_audio", "input_audio": {"format": kind.removeprefix("audio/"), "data": data}}
    url = f"data:{kind};base64,{data}"
    if kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": "document", "file_data": url}}


def _tools(group: Any) -> list[dict[str, Any]]:
    """Functions, or a tool that the provider runs, whose type is the field's name."""
    if declared := group.get("functionDeclarations"):
        return [{"type": "function", "function": _function(function)} for function in declared]
    return [{"type": name, name: value or {}} for name, value in group.items() if value is not None]


def _function(declared: Any) -> dict[str, Any]:
    schemas = (declared.get(name) for name in ("parametersJsonSchema", "parameters_json_schema", "parameters"))
    schema = next((found for found in schemas if found), None)
    function = {name: declared[name] for name in ("name", "description") if declared.get(name)}
    return function | ({"parameters": schema} if schema else {})

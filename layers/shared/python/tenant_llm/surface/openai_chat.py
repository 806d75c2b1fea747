"""Chat completions: https://platform.openai.com/docs/api-reference/chat/create."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Annotated, Literal, Self
from uuid import uuid4

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from tenant_llm.domain.chat import ChatRequest, ChatResult, Choice, ToolCall
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invocation import InvocationBody, Loose, Name, body_of, more_usage, params, shape

_OWN = ("messages", "tools", "tool_choice", "response_format", "stream")
_ROLES = {"assistant": "<assistant>", "tool": "<tool>", "function": "<function>"}
_PARTS = {"text": "<text>", "image_url": "<image>", "input_audio": "<audio>"}


def _part_type(part: Json) -> str | None:
    return _PARTS.get(str(part.get("type")), "<other>") if isinstance(part, dict) else None


def _role(message: Json) -> str:
    return _ROLES.get(str(message.get("role")), "<other>") if isinstance(message, dict) else "<other>"


class _TextPart(Loose):
    text: str


class _ImageUrl(Loose):
    url: Name


class _ImagePart(Loose):
    # The bare text is a short form that many clients send.
    image_url: Annotated[
        Annotated[Name, Tag("<text>")] | Annotated[_ImageUrl, Tag("<object>")],
        Discriminator(shape, "image_url", "it has to be an object with a url"),
    ]


class _Audio(Loose):
    data: Name
    format: Name


class _AudioPart(Loose):
    # The bare text is one provider's form, https://docs.mistral.ai/capabilities/audio/.
    input_audio: Annotated[
        Annotated[Name, Tag("<text>")] | Annotated[_Audio, Tag("<object>")],
        Discriminator(shape, "input_audio", "it has to be an object with data and format"),
    ]


class _OtherPart(Loose):
    type: Name


type _Part = Annotated[
    Annotated[_TextPart, Tag("<text>")]
    | Annotated[_ImagePart, Tag("<image>")]
    | Annotated[_AudioPart, Tag("<audio>")]
    | Annotated[_OtherPart, Tag("<other>")],
    Discriminator(_part_type, "part", "a part has to be an object with a type"),
]

_CONTENT = Discriminator(shape, "content", "content has to be a text or a list of parts")

type _Content = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[_Part], Field(min_length=1), Tag("<list>")], _CONTENT
]

# Beside calls an answer may have no text, which some clients write as no parts.
type _Said = Annotated[Annotated[str, Tag("<text>")] | Annotated[list[_Part], Tag("<list>")], _CONTENT]


class _Function(Loose):
    name: Name
    arguments: str


class _ToolCall(Loose):
    id: Name
    function: _Function | None = None


class _Message(Loose):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: _Content


class _AssistantMessage(Loose):
    content: _Said | None = None
    tool_calls: list[_ToolCall] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        said = [self.content, self.tool_calls, *(self.model_extra or {}).values()]
        if sum(value is not None for value in said) > 1:  # the role is one of them
            return self
        raise PydanticCustomError("silent", "an assistant message needs content or tool_calls")


class _ToolMessage(Loose):
    content: _Content
    tool_call_id: Name


class _FunctionMessage(Loose):
    name: Name
    content: str | None = None


class _ToolFunction(Loose):
    name: Name
    parameters: dict[str, Json] | None = None


class _Tool(Loose):
    type: Name
    function: _ToolFunction | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.type == "function" and self.function is None:
            raise PydanticCustomError("tool", "a tool of type function needs a function")
        return self


class _ResponseFormat(Loose):
    type: Name


class _StreamOptions(Loose):
    include_usage: bool | None = None


class ChatBody(InvocationBody):
    """The fields that this service itself understands, or that a wrong value of would only break later on."""

    messages: Annotated[
        list[
            Annotated[
                Annotated[_AssistantMessage, Tag("<assistant>")]
                | Annotated[_ToolMessage, Tag("<tool>")]
                | Annotated[_FunctionMessage, Tag("<function>")]
                | Annotated[_Message, Tag("<other>")],
                Discriminator(_role),
            ]
        ],
        Field(min_length=1),
    ]
    tools: list[_Tool] | None = None
    tool_choice: (
        Annotated[
            Annotated[str, Tag("<text>")] | Annotated[dict[str, Json], Tag("<object>")],
            Discriminator(shape, "tool_choice", "it has to be a text or an object"),
        ]
        | None
    ) = None
    response_format: _ResponseFormat | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1)] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0)] | None = None
    parallel_tool_calls: bool | None = None
    stop: (
        Annotated[
            Annotated[str, Tag("<text>")] | Annotated[list[str], Tag("<list>")],
            Discriminator(shape, "stop", "it has to be a text or a list of texts"),
        ]
        | None
    ) = None


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat asked for; ``include_usage`` says whether a stream ends with a chunk of usage."""

    model: str | None
    request: ChatRequest
    include_usage: bool = False


def ask(call: Call) -> ChatCall:
    """The chat that a call asks for.

    Raises:
        InvalidRequest: When a direct event is for another model type.
        ValidationError: When the body cannot be right.
    """
    body = body_of(call, ModelType.CHAT)
    checked = ChatBody.model_validate(body)
    request = ChatRequest(
        messages=body["messages"],
        tools=body.get("tools") or (),
        tool_choice=body.get("tool_choice"),
        response_format=body.get("response_format"),
        params=params(body, *_OWN),
        stream=bool(checked.stream),
    )
    options = checked.stream_options
    return ChatCall(checked.model, request, include_usage=bool(options and options.include_usage))


def completion_id() -> str:
    """An id for an answer, in OpenAI's form."""
    return f"chatcmpl-{uuid4().hex}"


def render(result: ChatResult) -> JsonObject:
    """OpenAI's ``chat.completion``; ``model`` is the address that answered."""
    return {
        "id": completion_id(),
        "object": "chat.completion",
        "created": int(time()),
        "model": result.model,
        "choices": [_choice(index, choice) for index, choice in enumerate(result.choices)],
        "usage": None if result.usage is None else render_usage(result.usage),
    }


def render_usage(usage: Usage) -> JsonObject:
    """OpenAI's usage object, with the details that there always are; ``estimated`` only where it is so."""
    cached: JsonObject = {"cached_tokens": usage.cached_tokens}
    if usage.cache_write_tokens:
        cached["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": cached,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        **more_usage(usage),
    }


def _choice(index: int, choice: Choice) -> JsonObject:
    message: JsonObject = {
        "role": "assistant",
        "content": None if choice.tool_calls and not choice.text else choice.text,
        "refusal": None,
        **choice.extra,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.tool_calls:
        message["tool_calls"] = [_tool_call(call) for call in choice.tool_calls]
    return {"index": index, "message": message, "logprobs": choice.logprobs, "finish_reason": choice.finish_reason}


def _tool_call(call: ToolCall) -> Mapping[str, Json]:
    function = {"name": call.name, "arguments": call.arguments}
    return {**call.extra, "id": call.id, "type": "function", "function": function}

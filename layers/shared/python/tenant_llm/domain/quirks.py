"""Differences between providers of one dialect, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from tenant_llm.domain.wire import Json


@dataclass(frozen=True, slots=True)
class Quirks:
    """The closed vocabulary of differences. Parameter names are the wire's, after the dialect has named them.

    Attributes:
        rename: body field → the name this provider uses.
        drop: body fields it does not take; left out without a word.
        defaults: body fields sent unless the caller gave them.
        clamp: body field → ``[lowest, highest]`` it takes.
        json_text: body fields whose value goes as JSON in a string.
        nest: body field → the object of the body it has to stand in.
        root: the path of a base URL that a tenant gave as a bare host.
        path: the endpoint, joined to the base URL (see ``dialects.body.endpoint``).
        headers: fixed headers.
        query: fixed query parameters.
        auth: ``bearer`` (default), ``bearer:<credential's field>``, ``header:<name>``, ``query:<name>`` or ``none``.
        strip_suffix: endings to cut off the model's name on the wire.
        max_batch: inputs a call takes; the service splits.
        max_batch_tokens: tokens that the inputs of one call may have together; the service splits by an upper bound.
        max_bytes: bytes of audio a transcription takes; more is refused.
        formats: endings of audio files a transcription takes; another one is refused.
        max_characters: characters (code points) of text a call speaks; more is split where the audio can be joined.
        max_text_bytes: the same in bytes of UTF-8, in its stead.
        only_streams: whether a chat is answered as a stream alone; the service puts a whole answer together.
        query_prefix: what stands before a query to embed, as the model was trained; documents go without.
        streaming: fields of the form that ask for a transcript in events; without them it is fetched whole.
        inline_images: whether images go as ``data:`` URLs only; a link is refused.

    A cap that is split by may be lower than the provider's, one that is refused by may not: what could pass is for the
    provider to judge. How many tokens one input may have is not among them for that reason: our count is an estimate.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    defaults: Mapping[str, Json] = field(default_factory=dict)
    clamp: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    json_text: tuple[str, ...] = ()
    nest: Mapping[str, str] = field(default_factory=dict)
    root: str | None = None
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    auth: str | None = None
    strip_suffix: tuple[str, ...] = ()
    max_batch: int | None = None
    max_batch_tokens: int | None = None
    max_bytes: int | None = None
    formats: tuple[str, ...] = ()
    max_characters: int | None = None
    max_text_bytes: int | None = None
    only_streams: bool | None = None
    query_prefix: str | None = None
    streaming: Mapping[str, Json] = field(default_factory=dict)
    inline_images: bool | None = None

    def merge(self, over: "Quirks") -> "Quirks":
        """These quirks with another set laid over them: mappings and lists add up, single values are replaced."""
        changes: dict[str, Json] = {}
        for item in fields(self):
            mine, other = getattr(self, item.name), getattr(over, item.name)
            if isinstance(mine, tuple):
                changes[item.name] = tuple(dict.fromkeys((*mine, *other)))
            elif isinstance(mine, Mapping):
                changes[item.name] = {**mine, **other}
            else:
                changes[item.name] = mine if other is None else other
        return replace(self, **changes)

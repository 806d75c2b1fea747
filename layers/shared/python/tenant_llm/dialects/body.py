"""What every dialect does alike: the endpoint's URL, the quirks on a body, the way the key travels."""

from collections.abc import Mapping
from json import dumps
from urllib.parse import urljoin, urlsplit

from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import Auth, Bearer, Framing, HeaderKey, Json, JsonObject, NoAuth, QueryKey, WireRequest


def post_json(
    target: Target,
    path: str,
    body: Mapping[str, Json],
    *,
    key: Auth | None = None,
    framing: Framing | None = None,
) -> WireRequest:
    """A JSON request to a path of the target, with all of its quirks; ``key`` is the dialect's default for the key."""
    config, quirks = target.config, target.config.quirks
    return WireRequest(
        url=endpoint(config.base_url, path, quirks),
        headers=dict(quirks.headers),
        query=dict(quirks.query),
        json=apply_quirks(body, quirks),
        auth=auth(quirks, key),
        framing=framing,
    )


def endpoint(base_url: str, path: str, quirks: Quirks) -> str:
    """The URL of an endpoint: the quirk's path, else the dialect's, joined to the base URL as RFC 3986 says.

    ``chat/completions`` is appended to the base; ``/v1/rerank`` starts again at the host; ``https://…`` stands alone.
    An empty path is the base itself. ``{model}``-like holes are the dialect's to fill before. A base URL that is a bare
    host gets the quirk's root.
    """
    path = path if quirks.path is None else quirks.path
    base = base_url.rstrip("/")
    if quirks.root and not urlsplit(base).path:
        base = f"{base}/{quirks.root}"
    return urljoin(base + "/", path) if path else base


def auth(quirks: Quirks, default: Auth | None = None) -> Auth:
    """The way the key travels: the quirk's, else the dialect's default, else a bearer token."""
    if quirks.auth is None:
        return default or Bearer()
    kind, _, name = quirks.auth.partition(":")
    match kind:
        case "bearer":
            return Bearer(name) if name else Bearer()
        case "header":
            return HeaderKey(name)
        case "query":
            return QueryKey(name)
        case "none":
            return NoAuth()
    raise ValueError(f"unknown auth quirk {quirks.auth!r}")


def apply_quirks(body: Mapping[str, Json], quirks: Quirks) -> JsonObject:
    """A body as this provider wants it: defaults under it, then drop, rename, clamp, write as text and nest.

    A field that is ``None`` was not given: the default stands, and without one the field is left out.
    """
    result: JsonObject = {}
    for name, value in {
        **quirks.defaults,
        **{name: value for name, value in body.items() if value is not None},
    }.items():
        if name in quirks.drop:
            continue
        place = quirks.rename.get(name, name)
        if name in quirks.clamp and isinstance(value, int | float):
            lowest, highest = quirks.clamp[name]
            value = min(max(value, lowest), highest)
        if name in quirks.json_text:
            value = dumps(value, ensure_ascii=False)
        if name in quirks.nest:
            result.setdefault(quirks.nest[name], {})[place] = value
        else:
            result[place] = value
    return result


def wire_model(name: str, quirks: Quirks) -> str:
    """The model's name without the endings the provider does not know."""
    for suffix in quirks.strip_suffix:
        name = name.removesuffix(suffix)
    return name

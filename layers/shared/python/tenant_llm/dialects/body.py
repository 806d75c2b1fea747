"""What every dialect does alike: the endpoint's URL, the quirks on a body, the way the key travels."""

from collections.abc import Mapping
from urllib.parse import urljoin

from tenant_llm.domain.quirks import Quirks
from tenant_llm.domain.wire import Auth, Bearer, HeaderKey, Json, JsonObject, NoAuth, QueryKey


def endpoint(base_url: str, path: str, quirks: Quirks) -> str:
    """The URL of an endpoint: the quirk's path, else the dialect's, joined to the base URL as RFC 3986 says.

    ``chat/completions`` is appended to the base; ``/v1/rerank`` starts again at the host; ``https://…`` stands alone.
    An empty path is the base itself. ``{model}``-like holes are the dialect's to fill before.
    """
    path = path if quirks.path is None else quirks.path
    base = base_url.rstrip("/")
    return urljoin(base + "/", path) if path else base


def auth(quirks: Quirks, default: Auth | None = None) -> Auth:
    """The way the key travels: the quirk's, else the dialect's default, else a bearer token."""
    if quirks.auth is None:
        return default or Bearer()
    kind, _, name = quirks.auth.partition(":")
    match kind:
        case "bearer":
            return Bearer()
        case "header":
            return HeaderKey(name)
        case "query":
            return QueryKey(name)
        case "none":
            return NoAuth()
    raise ValueError(f"unknown auth quirk {quirks.auth!r}")


def apply_quirks(body: Mapping[str, Json], quirks: Quirks) -> JsonObject:
    """A body as this provider wants it: defaults under it, then drop, rename, clamp and nest."""
    result: JsonObject = {}
    for name, value in {**quirks.defaults, **body}.items():
        if name in quirks.drop or value is None:
            continue
        place = quirks.rename.get(name, name)
        if name in quirks.clamp and isinstance(value, int | float):
            lowest, highest = quirks.clamp[name]
            value = min(max(value, lowest), highest)
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

"""Where the second version answers: https://docs.cohere.com/reference/about."""

from tenant_llm.domain.target import Target

_VERSION, _OLDER = "v2", "v1"


def path(target: Target, name: str) -> str:
    """An endpoint's path; the base URL may end in the version, in the older one, or before either."""
    _, _, last = target.config.base_url.rstrip("/").rpartition("/")
    if last == _VERSION:
        return name
    return f"../{_VERSION}/{name}" if last == _OLDER else f"{_VERSION}/{name}"

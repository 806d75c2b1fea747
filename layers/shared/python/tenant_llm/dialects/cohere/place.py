"""Where the second version answers: https://docs.cohere.com/reference/about."""

from tenant_llm.domain.target import Target

_VERSION = "v2"


def path(target: Target, name: str) -> str:
    """An endpoint's path; the base URL may end in the version or before it."""
    return name if target.config.base_url.rstrip("/").endswith("/" + _VERSION) else f"{_VERSION}/{name}"

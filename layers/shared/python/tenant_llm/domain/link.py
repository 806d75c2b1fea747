"""A URL that a caller names for a file too large for the call itself."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.wire import Json


@dataclass(frozen=True, slots=True)
class Link:
    """A URL of the caller's. ``query`` may be a signature: it is never logged or answered. ``param`` is its field."""

    param: str
    url: str
    query: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: Json, param: str) -> Self:
        """Read a URL; whether it may be dialled is judged later.

        Raises:
            InvalidRequest: When it is none; the message quotes nothing of it, since anything may be the secret.
        """
        try:
            parts = urlsplit(text) if isinstance(text, str) and text.isascii() and text.isprintable() else None
        except ValueError:  # brackets that hold no IPv6 address
            parts = None
        if parts is None or " " in text or parts.scheme not in ("https", "http") or not parts.hostname:
            raise InvalidRequest(f"{param} is not an https URL, percent-encoded", param=param)
        if "@" in parts.netloc or parts.fragment:
            raise InvalidRequest(f"{param}: the URL may carry no user name and no fragment", param=param)
        return cls(param, f"{parts.scheme}://{parts.netloc}{parts.path or '/'}", parts.query)

    @property
    def host(self) -> str:
        """The host's name."""
        return urlsplit(self.url).hostname or ""

    @property
    def name(self) -> str:
        """The last part of the path, decoded."""
        return unquote(urlsplit(self.url).path).rpartition("/")[2]

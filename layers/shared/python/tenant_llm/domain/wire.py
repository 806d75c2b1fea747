"""One exchange with a provider, as data: a dialect renders and parses these, the transport carries them out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from json import loads
from typing import Any, Literal

from tenant_llm.domain.errors import MalformedAnswer

type Json = Any
"""A decoded JSON value."""

type JsonObject = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Bearer:
    """``Authorization: Bearer <field>``; ``field`` names the credential's field."""

    field: str = "api_key"
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """The key in a header of its own."""

    name: str
    field: str = "api_key"


@dataclass(frozen=True, slots=True)
class QueryKey:
    """The key in the query string."""

    name: str
    field: str = "api_key"


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """The query of a URL that somebody has signed, letter for letter; the credential's ``field`` holds it."""

    field: str = "query"


@dataclass(frozen=True, slots=True)
class NoAuth:
    """Nothing is sent."""


@dataclass(frozen=True, slots=True)
class SigV4:
    """AWS Signature Version 4; ``key_id``, ``secret`` and ``token`` name the fields of the credential."""

    service: str
    region: str
    key_id: str
    secret: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class SignedLine:
    """First line, host and date signed with a secret, in the query; both name fields of the credential."""

    key_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class TC3:
    """TC3-HMAC-SHA256; ``key_id`` and ``secret`` name the fields of the credential."""

    service: str
    key_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class GoogleOAuth:
    """A bearer token of a Google service account; ``field`` holds its JSON key file, as text or in base64."""

    field: str
    scope: str = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True, slots=True)
class BceToken:
    """A bearer token that Baidu's IAM makes for an access key; ``key_id`` and ``secret`` name the fields."""

    key_id: str
    secret: str


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """AWS Signature Version 4 with the keys of a role that the deployment takes on for the tenant ``tenant_id``.

    ``field`` holds the role's ARN.
    """

    service: str
    region: str
    field: str
    tenant_id: str


type Auth = (
    Bearer
    | HeaderKey
    | QueryKey
    | SignedQuery
    | NoAuth
    | SigV4
    | SignedLine
    | TC3
    | GoogleOAuth
    | BceToken
    | AssumedRole
)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a multipart form."""

    name: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form: repeated fields are lists, files go by field name."""

    fields: Mapping[str, str | list[str]]
    files: Mapping[str, File]


type Framing = Literal["sse", "ndjson", "aws", "websocket"]
"""``websocket`` opens one at an ``https`` URL and sends the ``json`` over it, as a text, once it is open."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What to send. ``json``, ``form`` and ``content`` exclude each other.

    ``framing`` is how the body of a streamed answer is cut into events; ``None`` where the answer is read whole.
    """

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: JsonObject | None = None
    form: Form | None = None
    content: bytes | None = field(default=None, repr=False)
    auth: Auth = Bearer()
    framing: Framing | None = None


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What came back; ``headers`` are in lower case."""

    status: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Json:
        """The decoded body.

        Raises:
            MalformedAnswer: When the body is not JSON; the message quotes its beginning.
        """
        try:
            return loads(self.content)
        except (ValueError, RecursionError) as error:  # no JSON, a number too long to read, lists too deep
            raise MalformedAnswer(f"the provider's answer is not JSON: {self.content[:200]!r}") from error


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a streamed answer: SSE's ``event`` and ``data``; NDJSON's lines, a WebSocket's texts as ``data``."""

    data: str
    event: str = ""

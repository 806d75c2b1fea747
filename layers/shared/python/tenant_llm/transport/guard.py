"""What may be dialled: a tenant chooses base URLs, so none of them may lead into our own network.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from httpx import URL, InvalidURL

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.transport.resolve import Resolve, lookup, resolve_within

REFUSED = "provider_url_refused"
"""The code of a URL that is not dialled."""

_SCHEMES = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_RELAYS = IPv4Address("192.88.99.0")  # RFC 7526: 6to4 relays, deprecated; a /24
_RESOLVE_SECONDS = 5.0
_LAST_PORT = 65535


def check_url(url: str, *, allow_private: bool, resolve: Resolve = lookup) -> None:
    """Judge a base URL before it is saved, by the addresses it has now; dialling judges again.

    Raises:
        InvalidRequest: When it is no URL of a public ``https`` host; ``param`` is ``api_base``. With ``allow_private``
            only the form is judged, and ``http`` is fine.
    """
    parsed = _parse(url)
    if allow_private:
        return
    if parsed.scheme != "https":
        raise _refused(f"{url!r} is not an https URL")
    host, port = origin(parsed)
    try:
        addresses = resolve_within(_RESOLVE_SECONDS, host, port, resolve)
    except OSError as error:
        raise _refused(f"the host {host!r} of {url!r} cannot be resolved") from error
    refuse_private(host, addresses)


def check_request(url: URL, *, trusted: tuple[str, int] | None, own_url: bool, allow_private: bool) -> None:
    """Judge the URL of a request but for its addresses, which the socket judges.

    Args:
        url: what will be requested.
        trusted: the origin that the operator has set for everybody; it may be private and plain ``http``.
        own_url: whether the tenant chose the base URL, which then may not be the trusted one.
        allow_private: whether everything is fine.

    Raises:
        InvalidRequest: When the request is not to be sent.
    """
    if url.scheme not in _SCHEMES or not _dialable(url):
        raise _refused(f"{_shown(url)!r} names no host, or no port of one")
    if allow_private:
        return
    if trusted is not None and origin(url) == trusted:
        if own_url:
            raise _refused(f"the host {url.host!r} is not a tenant's to call")
        return
    if url.scheme != "https":
        raise _refused(f"{_shown(url)!r} is not an https URL")


def refuse_private(host: str, addresses: Iterable[str]) -> None:
    """Let a host through whose addresses are all public.

    Raises:
        InvalidRequest: When one is not; the message leaves the address out, which might be news to a tenant.
    """
    if not all(is_public(ip_address(address)) for address in addresses):
        raise _refused(f"the host {host!r} is not at a public address")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the open internet's, also where an IPv6 address carries an IPv4 one."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        if inner is None:
            return address.is_global and address in _GLOBAL_UNICAST
        address = inner
    relay = address.packed[:3] == _RELAYS.packed[:3]
    return address.is_global and not (address.is_multicast or address.is_reserved or relay)


def origin(url: URL) -> tuple[str, int]:
    """Host and port of a URL, the port its scheme implies included."""
    return url.raw_host.decode("ascii"), url.port or _SCHEMES[url.scheme]


def _parse(url: str) -> URL:
    try:
        parsed = URL(url)
    except InvalidURL as error:
        raise _refused(f"{url!r} is not a URL: {error}") from error
    if parsed.userinfo or parsed.query or parsed.fragment:  # not quoted: it may be a key
        raise _refused(f"the URL of host {parsed.host!r} may carry no user name, query or fragment")
    if parsed.scheme not in _SCHEMES:
        raise _refused(f"{url!r} is not an https URL")
    if not _dialable(parsed):
        raise _refused(f"{url!r} names no host, or no port of one")
    return parsed


def _dialable(url: URL) -> bool:
    return bool(url.host) and (url.port is None or 0 < url.port <= _LAST_PORT)


def _shown(url: URL) -> str:
    """A URL without what could be secret in it."""
    return f"{url.scheme}://{url.host}"


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(f"api_base: {message}", param="api_base", code=REFUSED)

"""From what goes wrong on the network to the error tree."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tenant_llm.domain.errors import DeadlineExceeded, InvalidRequest, MalformedAnswer, ProviderUnavailable


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Raise httpx's errors as ours. Messages name the host alone: a URL may hold a key.

    Raises:
        DeadlineExceeded: When the provider did not answer in time.
        ProviderUnavailable: When it cannot be reached, or breaks off.
        MalformedAnswer: When a compressed answer cannot be unpacked.
        InvalidRequest: When the URL is none.
    """
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise ProviderUnavailable(f"{host} did not accept a connection in time") from error
    except httpx.TimeoutException as error:
        raise DeadlineExceeded(f"{host} did not answer in time") from error
    except httpx.DecodingError as error:
        raise MalformedAnswer(f"the answer of {host} cannot be decompressed") from error
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
        raise InvalidRequest(f"{host!r} cannot be called: {type(error).__name__}", param="api_base") from None
    except httpx.TransportError as error:
        raise ProviderUnavailable(f"the connection to {host} failed: {type(error).__name__}") from error

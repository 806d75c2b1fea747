"""From a host's name to its addresses, in time."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from socket import SOCK_STREAM, getaddrinfo
from threading import Thread

type Resolve = Callable[[str, int], list[str]]
"""``(host, port) -> addresses``, in the order to try them; raises ``OSError`` where there are none."""


def lookup(host: str, port: int) -> list[str]:
    """The addresses of a host as the system resolves it, literal ones in any notation included."""
    found = getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def resolve_within(seconds: float, host: str, port: int, resolve: Resolve = lookup) -> list[str]:
    """The addresses of a host. The system's resolver takes no timeout, so a thread waits for it.

    Raises:
        TimeoutError: When it takes longer.
        OSError: When the host has no address.
    """
    answer: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(host, port))
        except OSError as error:
            answer.put(error)
        except UnicodeError:  # a label that no name can have
            answer.put(OSError(f"{host!r} is no host name"))

    Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"the name {host!r} is not resolved in time") from None
    if isinstance(found, OSError):
        raise found
    return found

"""A provider that speaks over a WebSocket: a real server on loopback, of the library's own making."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

from websockets.sync.server import ServerConnection, serve


@contextmanager
def socket_server(talk: Callable[[ServerConnection], None]) -> Iterator[str]:
    """The server's URL; ``talk`` has one connection, which is closed in order when it returns."""
    with serve(talk, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()

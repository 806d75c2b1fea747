"""A queue in SQS that a call's caller waits for."""

from threading import Lock
from typing import Any

from botocore.config import Config

from tenant_llm.repositories.tables import connection, storage

# A caller waits meanwhile; whoever calls bounds the whole of it.
_CONFIG = Config(connect_timeout=0.5, read_timeout=0.8, retries={"mode": "standard", "total_max_attempts": 2})


class Queue:
    """Sends texts; the client is made when it is first needed, since most processes need none."""

    def __init__(self, url: str) -> None:
        self._url = url
        # pynamodb keeps a session a thread; the one that is there has loaded what a client is made from.
        self._session = connection().session
        self._lock = Lock()
        self._made: Any = None

    def prepare(self) -> None:
        """Make the client now: that takes a tenth of a second, once."""
        self._client()

    def _send(self, body: str, **more: str) -> None:
        with storage():
            self._client().send_message(QueueUrl=self._url, MessageBody=body, **more)

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._session.create_client("sqs", config=_CONFIG)
            return self._made

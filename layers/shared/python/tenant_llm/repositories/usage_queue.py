"""The queue of settlements that DynamoDB did not take: SQS, from where the usage function books them."""

from json import dumps
from threading import Lock
from typing import Any

from botocore.config import Config

from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import encode
from tenant_llm.repositories.tables import connection, storage

# A caller waits meanwhile; whoever calls bounds the whole of it.
_CONFIG = Config(connect_timeout=0.5, read_timeout=0.8, retries={"mode": "standard", "total_max_attempts": 2})


class UsageQueue:
    """Sends settlements; the client is made when the first one is sent, since most processes send none."""

    def __init__(self, url: str) -> None:
        self._url = url
        # pynamodb keeps a session a thread; the one that is there has loaded what a client is made from.
        self._session = connection().session
        self._lock = Lock()
        self._made: Any = None

    def send(self, settlement: Settlement) -> None:
        """Queue it. Sent twice, it is still counted once: the ledger knows its request id.

        Raises:
            ServiceUnavailable: When SQS refuses.
        """
        with storage():
            self._client().send_message(QueueUrl=self._url, MessageBody=dumps(encode(settlement)))

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._session.create_client("sqs", config=_CONFIG)
            return self._made

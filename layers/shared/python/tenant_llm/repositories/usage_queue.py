"""The queue of settlements that DynamoDB did not take: SQS, from where the usage function books them."""

from json import dumps

from tenant_llm.domain.settlement import Settlement
from tenant_llm.domain.settlement_json import encode
from tenant_llm.repositories.queue import Queue


class UsageQueue(Queue):
    """Sends settlements."""

    def send(self, settlement: Settlement) -> None:
        """Queue it. Sent twice, it is still counted once: the ledger knows its request id.

        Raises:
            ServiceUnavailable: When SQS refuses.
        """
        self._send(dumps(encode(settlement)))

"""The queue of generations: SQS, from where a function of its own brings them to the tenants' Langfuse."""

from tenant_llm.domain.trace import Generation
from tenant_llm.domain.trace_json import encode
from tenant_llm.repositories.queue import Queue


class TraceQueue(Queue):
    """Sends generations."""

    def send(self, generation: Generation) -> None:
        """Queue it. Sent twice, it still stands in Langfuse once: its span has one id.

        Tenants are message groups, so that one with many calls does not hold up the others
        (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html).

        Raises:
            ServiceUnavailable: When SQS refuses.
        """
        self._send(encode(generation), MessageGroupId=generation.tenant_id)

"""Carrying out a transaction of DynamoDB, and telling conditions that were refused from failures that pass."""

from collections.abc import Callable
from uuid import uuid4

from pynamodb.connection import Connection
from pynamodb.exceptions import CancellationReason, TransactWriteError
from pynamodb.transactions import TransactWrite

from tenant_llm.domain.errors import ServiceUnavailable
from tenant_llm.repositories.tables import attempts, storage

ATTEMPTS = 8
"""How often a transaction is tried that meets others, where its caller has time for it: a second, mostly."""

_REFUSED = "ConditionalCheckFailed"
_PASSING = (None, "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")


class Contended(ServiceUnavailable):
    """When others kept writing what was to be written, or more than it takes."""


type Refusals = list[CancellationReason | None]


def transact(
    connection: Connection,
    sleep: Callable[[float], None],
    write: Callable[[TransactWrite], None],
    count: int = ATTEMPTS,
) -> Refusals:
    """One transaction, repeated while it only meets other transactions or a throttle.

    All repeats, ours and the SDK's, carry one token, so that DynamoDB knows a repeat whose first answer was lost. The
    token is random: one made of the request id would make DynamoDB refuse a second settlement of it that differs in
    anything (the time, say) with ``IdempotentParameterMismatch``, where the ledger item tells that it is a repeat.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html

    Args:
        connection: where to.
        sleep: waits between the attempts.
        write: says what is to be written; called for each attempt.
        count: of attempts.

    Returns:
        Nothing where it was carried out. Else the condition that was refused, or ``None``, for each item, in the order
        of pynamodb: checks, deletes, puts, updates; nothing was written then.

    Raises:
        Contended: When it met other transactions or a throttle each time.
        ServiceUnavailable: When DynamoDB refuses.
    """
    token = uuid4().hex
    for _ in attempts(count, sleep):
        with storage():
            try:
                with TransactWrite(connection=connection, client_request_token=token) as transaction:
                    write(transaction)
            except TransactWriteError as error:
                codes = [reason.code if reason else None for reason in error.cancellation_reasons]
                if _REFUSED in codes:
                    return [one if one and one.code == _REFUSED else None for one in error.cancellation_reasons]
                if not codes or any(code not in _PASSING for code in codes):
                    raise
            else:
                return []
    raise Contended(f"storage refuses: {count} transactions were cancelled by others")

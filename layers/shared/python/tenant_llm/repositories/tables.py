"""What the repositories share: a model over the table of a given name, and AWS's refusals as an error of ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from random import random
from types import new_class
from typing import cast

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.connection import Connection
from pynamodb.exceptions import PynamoDBException, TableDoesNotExist
from pynamodb.models import Model

from tenant_llm.domain.errors import ServiceUnavailable

# A refusal of the condition is an answer and no failure; a repository has to tell the two apart.
REFUSED = "ConditionalCheckFailedException"

# One lost packet must not use up a caller's time: DynamoDB answers within milliseconds, and a second and more is what
# AWS recommends for transactions
# (https://docs.aws.amazon.com/boto3/latest/reference/services/dynamodb/client/exceptions/TransactionInProgressException.html).
_CONNECT_SECONDS = 2
_READ_SECONDS = 3
_RETRIES = 4

_FIRST_WAIT = 0.01
_LONGEST_WAIT = 0.5


@cache
def connection() -> Connection:
    """The process's one connection, which all repositories share: making a client takes longer than using it."""
    return Connection(
        connect_timeout_seconds=_CONNECT_SECONDS,
        read_timeout_seconds=_READ_SECONDS,
        max_retry_attempts=_RETRIES,
    )


def bound[M: Model](model: type[M], table_name: str) -> type[M]:
    """The model over that table: a class of its own, made when a repository is, and not when a module is imported."""
    meta = type("Meta", (), {"table_name": table_name})
    bound_class = cast("type[M]", new_class(model.__name__, (model,), exec_body=lambda body: body.update(Meta=meta)))
    table = bound_class._get_connection()  # pynamodb has no public way to share a connection
    schema = table.get_meta_table()
    table.connection = connection()
    with suppress(ValueError):  # another model over the same table has told it already
        table.connection.add_meta_table(schema)
    return bound_class


def attempts(count: int, sleep: Callable[[float], None]) -> Iterator[None]:
    """That many turns, with a random wait before each but the first that may be longer every time."""
    for number in range(count):
        if number:
            sleep(random() * min(_LONGEST_WAIT, _FIRST_WAIT * 2**number))  # noqa: S311 - jitter
        yield


@contextmanager
def storage() -> Iterator[None]:
    """Turns what AWS or the way to it refuses into an error of ours, after the SDK's own retries.

    Raises:
        ServiceUnavailable: When a call failed; the message has AWS's error code and nothing of the call's content.
    """
    try:
        yield
    except TableDoesNotExist as error:
        raise ServiceUnavailable("storage refuses: the table does not exist") from error
    except PynamoDBException as error:
        raise ServiceUnavailable(
            f"storage refuses: {error.cause_response_code or type(error.cause).__name__}"
        ) from error
    except ClientError as error:
        raise ServiceUnavailable(f"storage refuses: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"storage cannot be reached: {type(error).__name__}") from error

"""Where circuits are kept: items of the Usage table, under a key that no tenant can have.

https://docs.aws.amazon.com/powertools/python/latest/utilities/circuit_breaker/
"""

from typing import Any

from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
from botocore.config import Config

from tenant_llm.repositories.tables import connection
from tenant_llm.settings import Settings

# A caller waits meanwhile, and without an answer the circuit counts as closed.
_CONFIG = Config(connect_timeout=0.5, read_timeout=0.5, retries={"mode": "standard", "total_max_attempts": 1})
_PARTITION = "#circuits"


def circuit_store(settings: Settings) -> CircuitBreakerDynamoDBPersistence:
    """The store that all functions share; an item that nobody writes any more expires by itself."""
    client: Any = connection().session.create_client("dynamodb", config=_CONFIG)
    return CircuitBreakerDynamoDBPersistence(
        settings.usage_table,
        key_attr="tenant_id",
        static_pk_value=_PARTITION,
        sort_key_attr="entry",
        expiry_attr="expires_at",
        boto3_client=client,
    )

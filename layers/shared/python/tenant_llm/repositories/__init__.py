"""The only code that talks to DynamoDB and Secrets Manager.

Here: one repository a table, and the store of the tenants' keys. They take and return the values of ``domain`` and let
nothing of pynamodb or boto3 out: where AWS refuses, they raise ``ServiceUnavailable``. Not here: rules about what may
be stored (services), tables themselves (``template.yaml``).
"""

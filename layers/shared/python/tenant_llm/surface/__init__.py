"""What callers see: events and bodies in, answers and envelopes out.

Here: one module a body shape (``ask`` reads it, ``render`` writes the answer), the entrypoint that all functions share,
and API Gateway's event shape. Not here: what a call does (services) and who builds whom (bootstrap).
"""

"""The only code that talks to providers.

Here: the one HTTP client, retries within a deadline, signatures, the judgement of addresses. Not here: bodies
(dialects), and who may call what (services).
"""

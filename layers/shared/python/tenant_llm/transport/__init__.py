"""The only code that talks to providers.

Here: the one HTTP client, retries within a deadline, keys and signatures, the judgement of addresses. Not here: what a
body means (dialects), and who may call what (services). Nothing else imports httpx.
"""

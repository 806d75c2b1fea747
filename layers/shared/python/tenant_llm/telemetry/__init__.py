"""What operators see: log records and metrics; and the one client of a tracing service.

Here: keys and numbers. Not here, ever: messages, audio, credentials.
"""

"""Words and values of the service: plain types, standard library only.

Here: what a request, an answer, a usage or an error *is*. Not here: anything that reads a file, a clock, an
environment variable or a socket.
"""

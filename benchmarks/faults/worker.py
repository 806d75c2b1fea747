"""``python -m benchmarks.faults.worker PORT``: the API in a process that can be killed."""

import sys
from threading import Event

from local.__main__ import serve
from local.server import application

if __name__ == "__main__":
    serve(application(), int(sys.argv[1]))
    Event().wait()

"""A provider whose true usage is known: OpenAI's wire on loopback, each question told apart by its number."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Lock, Thread
from time import sleep
from typing import Any, override

from tests.support.faults import PatientServer

WORDS = 20
MOST_INPUT, MOST_OUTPUT = 16, 30
"""Tokens that a question may cost."""


def usage_of(number: int) -> dict[str, int]:
    """What the question of that number costs, each time the same."""
    asked, answered = MOST_INPUT - number % 7, MOST_OUTPUT - number % 11
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def question(number: int, way: str) -> str:
    """The question of that number, to be answered in one of the ways of ``Provider``."""
    return f"number={number};way={way}"


@dataclass
class Provider:
    """Answers in the way a question names: ``plain``, ``silent`` (no usage), ``slow``, ``cut``, ``flaky`` (500 first).

    Who asks may be killed meanwhile, so that what cannot be sent is no error.
    """

    url: str = ""
    asked: dict[int, int] = field(default_factory=dict)
    """Question → how often it was asked."""
    lock: Lock = field(default_factory=Lock)

    def start(self) -> None:
        """Listen on a free port of loopback."""
        server = PatientServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        Thread(target=server.serve_forever, daemon=True).start()

    def take(self, number: int) -> int:
        """Note that a question came; returns how often it has come."""
        with self.lock:
            self.asked[number] = self.asked.get(number, 0) + 1
            return self.asked[number]


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: there are thousands."""

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        content = self.rfile.read(size)
        if len(content) < size:
            raise ConnectionAbortedError
        body = json.loads(content)
        told = dict(pair.split("=") for pair in body["messages"][-1]["content"].split(";"))
        number, way = int(told["number"]), told["way"]
        if self.provider.take(number) == 1 and way == "flaky":
            self._answer(500, {"error": {"message": "try again"}})
        elif body.get("stream"):
            self._stream(number, way)
        else:
            if way == "slow":
                sleep(0.3)
            usage = {} if way == "silent" else {"usage": usage_of(number)}
            message = {"role": "assistant", "content": "word " * WORDS}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._answer(200, {"id": "c", "choices": [choice], **usage})

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, number: int, way: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in self._events(number, way):
            frame = f"data: {event}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(frame), frame))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _events(self, number: int, way: str) -> Iterator[str]:
        for place in range(WORDS):
            if way == "cut" and place == WORDS // 2:
                raise ConnectionAbortedError
            if way == "slow":
                sleep(0.02)
            choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
            yield json.dumps({"id": "c", "choices": [choice]})
        yield json.dumps({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if way != "silent":
            yield json.dumps({"id": "c", "choices": [], "usage": usage_of(number)})
        yield "[DONE]"

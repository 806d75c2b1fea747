"""Clients of the API as there are: patient ones, impatient ones, and such as hang up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import sleep

import httpx

from benchmarks.faults.provider import MOST_OUTPUT, question
from benchmarks.faults.world import ADDRESS

_TRIES = 300
_PAUSE = 0.2


@dataclass
class Client:
    """Asks numbered questions; the number makes the request id, however often one is asked."""

    url: str
    token: str
    prefix: str
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=30, limits=httpx.Limits(max_connections=64))
    )

    def ask(self, number: int, way: str = "plain", timeout: float = 30, **fields: int) -> None:
        """Ask once, for the whole answer.

        Raises:
            httpx.HTTPError: When there is none.
        """
        body, headers = self._body(number, way) | fields, self._headers(number)
        self.http.post(self._path, json=body, headers=headers, timeout=timeout).raise_for_status()

    def insist(self, number: int, way: str = "plain", first_timeout: float = 30) -> None:
        """Ask until there is an answer, each time under the same id."""
        for attempt in range(_TRIES):
            try:
                self.ask(number, way, first_timeout if attempt == 0 else 30)
            except httpx.HTTPError:
                sleep(_PAUSE)
            else:
                return
        raise RuntimeError(f"question {number} had no answer in {_TRIES} attempts")

    def unless_refused(self, number: int) -> None:
        """Ask once, with a cap; a budget that has no room is an answer, too."""
        try:
            self.ask(number, max_tokens=MOST_OUTPUT)
        except httpx.HTTPStatusError as error:
            if error.response.json()["error"]["code"] != "insufficient_quota":
                raise

    def twice(self, number: int, way: str = "plain") -> None:
        """Ask twice at once, under the same id."""
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda _: self.ask(number, way), range(2)))

    def stream(self, number: int, way: str = "plain", words: int | None = None) -> None:
        """Read a streamed answer to its end, however that comes; or hang up after so many events."""
        body = {**self._body(number, way), "stream": True}
        with self.http.stream("POST", self._path, json=body, headers=self._headers(number)) as answer:
            for place, _ in enumerate(_events(answer)):
                if place == words:
                    return

    @property
    def _path(self) -> str:
        return f"{self.url}/chat/completions"

    def _headers(self, number: int) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", "idempotency-key": f"{self.prefix}-{number}"}

    def _body(self, number: int, way: str) -> dict[str, object]:
        return {"model": ADDRESS, "messages": [{"role": "user", "content": question(number, way)}]}


def _events(answer: httpx.Response) -> Iterator[str]:
    answer.raise_for_status()
    yield from (line for line in answer.iter_lines() if line.startswith("data:"))

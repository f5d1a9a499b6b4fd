"""A web server on this machine that behaves well or badly, as a test asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A server on this machine: ``answers`` says what a request for a path gets; all other paths get 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                answer = server.answers.get(self.path)
                if answer is None:
                    self.send_error(404, "Not Found")
                else:
                    answer(self)

            def log_message(self, format: str, *args: object) -> None:
                return None

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                return None  # clients that hang up are what these tests are about

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/"

    def sends(self, path: str, content: bytes, claimed: int | None = None) -> None:
        """Answers with ``content``, under a header that claims ``claimed`` bytes."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(content) if claimed is None else claimed))
            handler.end_headers()
            handler.wfile.write(content)

        self.answers[path] = answer

    def stalls(self, path: str, after: bytes | None = None) -> None:
        """Answers with nothing at all, or with a header and the bytes ``after``, and then keeps silent."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if after is not None:
                handler.send_response(200)
                handler.send_header("Content-Length", "1000000")
                handler.end_headers()
                handler.wfile.write(after)
                handler.wfile.flush()
            self.closing.wait(30)

        self.answers[path] = answer

    def drips(self, path: str) -> None:
        """Answers with a byte every twentieth of a second."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not self.closing.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()

        self.answers[path] = answer

    def close(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

"""A small HTTP server on this machine: pictures, pages and a camera's endless stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[str, bytes]
"""The content type and the content."""


@contextmanager
def serving(
    answers: Mapping[str, Answer],
    streams: Mapping[str, bytes] | None = None,
    password: str | None = None,
    answers_head: bool = True,
) -> Iterator[str]:
    """Serve answers by their path; yield the server's address.

    streams: by its path, the JPEG that an endless stream repeats twenty times a second
    password: what a request must hold in its header Authorization
    """
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            if answers_head:
                self._answer(is_whole=False)
            else:
                self.send_error(501)

        def do_GET(self) -> None:
            self._answer(is_whole=True)

        def _answer(self, is_whole: bool) -> None:
            path = self.path.partition("?")[0]
            if password is not None and self.headers.get("Authorization") != password:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif streams and path in streams:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                self.end_headers()
                if is_whole:
                    self._repeat(streams[path])
            elif path in answers:
                kind, content = answers[path]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if is_whole:
                    self.wfile.write(content)
            else:
                self.send_error(404)

        def _repeat(self, jpeg: bytes) -> None:
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                while not stop.is_set():
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    time.sleep(0.05)
            except OSError:  # the client has left
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()

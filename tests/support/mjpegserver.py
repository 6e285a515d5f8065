"""A camera that sends JPEG pictures over HTTP, without times, and its raw and endless relatives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
from numpy.typing import NDArray


@contextmanager
def serving(
    images: Sequence[NDArray[np.uint8]],
    pause_s: float,
    path: str = "/mjpeg",
    stands_s: float = 0.0,
) -> Iterator[str]:
    """Give the address of a camera that sends each image after a pause, and then ends.

    path: ends in .mjpeg for pictures one after another, without the parts of a multipart answer
    stands_s: sends nothing for so long before it ends
    """
    is_raw = path.endswith(".mjpeg")
    kind = "video/x-motion-jpeg" if is_raw else "multipart/x-mixed-replace; boundary=frame"

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Connection", "close")
            self.end_headers()
            for image in images:
                data = cv2.imencode(".jpg", image)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                try:
                    self.wfile.write(data if is_raw else head.encode() + data + b"\r\n")
                    self.wfile.flush()
                except OSError:  # the reader has left
                    return
                time.sleep(pause_s)
            is_over.wait(stands_s)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    is_over = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}"
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()

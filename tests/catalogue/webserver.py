"""A small web server on the loopback interface that can misbehave in the ways in which real ones do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server offers, and what it was asked. Paths are without the leading slash."""

    files: dict[str, bytes] = field(default_factory=dict)
    address: str = ""
    ranges: bool = True
    etag: str = '"v1"'
    cut_after: list[int] = field(
        default_factory=list
    )  # bytes of the body after which the next answers break off
    errors: list[int] = field(default_factory=list)  # status codes of the next answers
    asked: list[tuple[str, str]] = field(default_factory=list)  # path and Range of every request

    def url(self, name: str) -> str:
        """Address of a file."""
        return f"{self.address}/{name}"


@contextmanager
def serve(**files: bytes) -> Iterator[Site]:
    """Serve files by name (`_` for `.`) until the block ends."""
    site = Site({name.replace("_", "."): content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name, wanted = self.path.lstrip("/"), self.headers.get("Range", "")
            site.asked.append((name, wanted))
            if site.errors:
                self.send_error(site.errors.pop(0))
            elif name not in site.files:
                self.send_error(404)
            else:
                self._send(site.files[name], wanted)

        def _send(self, content: bytes, wanted: str) -> None:
            start, length = 0, len(content)
            fresh = self.headers.get("If-Range", site.etag) == site.etag
            if wanted and site.ranges and fresh:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= length:
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(length - start))
            if site.etag:
                self.send_header("ETag", site.etag)
            self.end_headers()
            if site.cut_after:
                self.wfile.write(content[start : start + site.cut_after.pop(0)])
                self.wfile.flush()
                self.close_connection = True
            else:
                self.wfile.write(content[start:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

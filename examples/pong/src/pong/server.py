"""A server for the page: files of the package, with the types that browsers insist on."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "page"

POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:"
"""Nothing comes from elsewhere."""


class PageHandler(SimpleHTTPRequestHandler):
    """Answers requests for files of the page, and for nothing else."""

    extensions_map = {  # noqa: RUF012 - declared so by its base
        "": "application/octet-stream",
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        """Let the browser load nothing from elsewhere, and keep nothing of an older version."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests of a page on this machine are no news."""


def make_server(port: int) -> ThreadingHTTPServer:
    """Make a server for this machine alone; with port 0, the system chooses one.

    Raises OSError if the port is taken.
    """
    return ThreadingHTTPServer(("127.0.0.1", port), partial(PageHandler, directory=str(PAGE)))

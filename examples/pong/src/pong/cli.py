"""The command ``externref-pong``: serve the page, and open it."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Sequence

from pong.server import make_server


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until it is interrupted; return the exit code."""
    parser = argparse.ArgumentParser(prog="externref-pong", description="Play Pong in the browser.")
    parser.add_argument("--port", type=int, default=8000, help="where the page is served; 0 takes a free one [8000]")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    try:
        server = make_server(options.port)
    except (OSError, OverflowError) as error:
        print(f"error: port {options.port} cannot be used: {error}\n  choose another one with --port", file=sys.stderr)
        return 1
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"Pong is at {address}, until Ctrl+C", flush=True)
    if not options.no_browser:
        webbrowser.open(address)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0

"""The console script."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path


def test_a_taken_port_is_an_error_with_a_remedy(program: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([program, "--no-browser", "--port", str(port)], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert f"error: port {port} cannot be used" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr

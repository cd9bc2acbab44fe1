"""The console script, and what the tests say where there is no browser."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import find_browser


def test_a_taken_port_is_an_error_with_a_remedy(program: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([program, "--no-browser", "--port", str(port)], capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert f"error: port {port} cannot be used" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_browser_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("EXTERNREF_CHROMIUM", raising=False)
    with pytest.raises(pytest.fail.Exception, match=r"no Chromium .*; install Debian's: apt-get install chromium"):
        find_browser()

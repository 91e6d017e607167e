"""`gateway demo` as a process, on ports of its own, with the configuration that is shipped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.fakes.ports import free_port

SHIPPED = Path(__file__).parents[2] / "gateway.toml"


class Demo:
    """A running `gateway demo` on ports of its own, with the shipped configuration."""

    def __init__(self, directory: Path) -> None:
        text = SHIPPED.read_text()
        self.ports = {number: free_port() for number in (8080, 8081, 9400, 9401)}
        for number, free in self.ports.items():
            text = text.replace(f":{number}", f":{free}")
        (directory / "gateway.toml").write_text(text)
        self.directory = directory
        self.url = f"http://localhost:{self.ports[8080]}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo"],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(SHIPPED.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []

    def until(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if word in line:
                return
        raise AssertionError("".join(self.said))

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=20)
        self.said.append(rest)
        return self.process.returncode

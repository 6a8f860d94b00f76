"""Engine.IO over polling by hand, for what no client library does."""

import json

import aiohttp

PATH = "/socket.io/"


class Poller:
    """One polling connection; packets are text such as `42["event",{}]`."""

    def __init__(self, http: aiohttp.ClientSession, sid: str) -> None:
        self._http = http
        self._query = {"EIO": "4", "transport": "polling", "sid": sid}

    @classmethod
    async def connect(cls, http: aiohttp.ClientSession) -> "Poller":
        """Shake hands, and open the namespace."""
        async with http.get(PATH, params={"EIO": "4", "transport": "polling"}) as response:
            opened = json.loads((await response.text()).removeprefix("0"))
        poller = cls(http, opened["sid"])
        await poller.post("40")
        await poller.poll()
        return poller

    async def post(self, *packets: str) -> None:
        body = "\x1e".join(packets)
        async with self._http.post(PATH, params=self._query, data=body) as response:
            assert response.status == 200, await response.text()

    async def poll(self) -> list[str]:
        async with self._http.get(PATH, params=self._query) as response:
            assert response.status == 200, await response.text()
            return (await response.text()).split("\x1e")

"""The ways in which Hushwire is installed: what is promised to clients holds on each of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from server.core.clock import Clock
from tests.balancers import nginx
from tests.redis_servers import free_port, shared_redis
from tests.servers import ADMIN_TOKEN, SECRET, RunningServer, running_nodes

_BY_SID = """
map $arg_sid $node {{
    ~^(?<number>\\d)- node$number;
    default any;
}}
{upstreams}
map $http_upgrade $connection_upgrade {{
    default upgrade;
    "" "";
}}
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://$node;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host "";
        proxy_pass_header Server;
        proxy_request_buffering off;
        client_max_body_size 0;
    }}
}}
"""


class Installation(NamedTuple):
    """How many processes there are, and where live state is.

    Attributes:
        is_balanced: nginx stands in front.
    """

    name: str
    nodes: int = 1
    has_redis: bool = False
    is_balanced: bool = False

    def __str__(self) -> str:
        return self.name

    @asynccontextmanager
    async def running(
        self, clock: Clock | None = None, /, **settings: Any
    ) -> AsyncIterator[RunningServer]:
        """Run it with these settings, by their names in the environment."""
        if self.has_redis:
            redis = shared_redis()
            with redis.client() as client:
                client.flushall()
            settings = {"JWT_SECRET": SECRET, "ADMIN_TOKEN": ADMIN_TOKEN, **settings}
            settings["REDIS_URL"] = redis.url
        if self.is_balanced:
            settings["TRUSTED_PROXIES"] = int(settings.get("TRUSTED_PROXIES", 0)) + 1
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(running_nodes(self.nodes, settings, clock))
            if self.is_balanced:
                port = free_port()
                stack.enter_context(nginx(port, _configuration(port, server)))
                server.url = f"http://127.0.0.1:{port}"
            yield server


def _configuration(port: int, server: RunningServer) -> str:
    ports = [node.port for node in server.nodes]
    groups = {"any": ports, **{f"node{number}": [port] for number, port in enumerate(ports)}}
    upstreams = "\n".join(
        f"upstream {name} {{ {' '.join(f'server 127.0.0.1:{one} fail_timeout=1s;' for one in group)} }}"
        for name, group in groups.items()
    )
    return _BY_SID.format(port=port, upstreams=upstreams)


MEMORY = Installation("memory")
BALANCED = Installation("memory-balanced", is_balanced=True)
REDIS = Installation("redis", has_redis=True)
THREE = Installation("three", nodes=3, has_redis=True, is_balanced=True)

INSTALLATIONS = (MEMORY, REDIS, THREE)

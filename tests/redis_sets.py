"""Several Redis servers that work together: a master with Sentinels, and a Cluster."""

import functools
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.redis_servers import RedisServer, binary, free_port, wait_for

SERVICE = "hushwire"

_QUORUM = 2


class SentinelSet:
    """A master, a replica, and three Sentinels that replace the one by the other.

    Attributes:
        url: For `connect`.
    """

    def __init__(self, master: RedisServer, replica: RedisServer, watchers: list[RedisServer]):
        self.master = master
        self.replica = replica
        self.watchers = watchers
        places = ",".join(f"127.0.0.1:{one.port}" for one in watchers)
        self.url = f"redis+sentinel://{places}/{SERVICE}/0"

    def wait_until_watched(self) -> None:
        """Until each Sentinel knows of the others and of the replica."""
        for watcher in self.watchers:
            with watcher.client() as client:
                wait_for(functools.partial(_knows_all, client, len(self.watchers)))
        with self.master.client() as client:
            wait_for(lambda: client.info("replication").get("slave0", {}).get("state") == "online")

    def wait_until_copied(self) -> None:
        """Until the replica has what was written."""
        with self.master.client() as client:
            assert client.wait(1, 5_000) == 1


def _knows_all(client: Any, count: int) -> bool:
    (state,) = client.sentinel_masters().values()
    return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == count - 1)


@contextmanager
def running_sentinels() -> Iterator[SentinelSet]:
    with ExitStack() as opened:

        def start(server: RedisServer) -> RedisServer:
            opened.callback(server.remove)
            server.start()
            return server

        master = start(RedisServer(binary()))
        replica = start(RedisServer(binary(), "--replicaof", "127.0.0.1", str(master.port)))
        watchers = [start(_sentinel(master.port)) for _ in range(3)]
        found = SentinelSet(master, replica, watchers)
        found.wait_until_watched()
        yield found


def _sentinel(master_port: int) -> RedisServer:
    server = RedisServer(binary("redis-sentinel"))
    config = server.folder / "sentinel.conf"  # which it writes to
    config.write_text(
        f"port {server.port}\n"
        f"sentinel monitor {SERVICE} 127.0.0.1 {master_port} {_QUORUM}\n"
        f"sentinel down-after-milliseconds {SERVICE} 500\n"
        f"sentinel failover-timeout {SERVICE} 3000\n"
    )
    server.command = [binary("redis-sentinel"), str(config)]
    return server


@contextmanager
def running_cluster() -> Iterator[list[RedisServer]]:
    """Three masters that share the slots."""
    with ExitStack() as opened:
        servers = []
        for _ in range(3):
            ports = ("--cluster-port", str(free_port()))
            server = RedisServer(binary(), "--cluster-enabled", "yes", *ports)
            opened.callback(server.remove)
            server.start()
            servers.append(server)
        places = [f"127.0.0.1:{server.port}" for server in servers]
        create = [binary("redis-cli"), "--cluster", "create", *places, "--cluster-yes"]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=30)
        for server in servers:
            with server.client() as client:
                wait_for(functools.partial(_is_whole, client))
        yield servers


def _is_whole(client: Any) -> bool:
    state = client.execute_command("CLUSTER INFO")
    return bool(state["cluster_state"] == "ok" and state["cluster_known_nodes"] == "3")

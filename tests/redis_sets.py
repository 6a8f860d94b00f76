"""Several Redis servers that work together: a master with Sentinels, and a Cluster."""

import atexit
import functools
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import redis

from tests.redis_servers import RedisServer, binary, free_port, wait_for

SERVICE = "hushwire"

_QUORUM = 2

_AT_ONCE = ("--repl-diskless-sync-delay", "0")
"""For a replica that is copied to as soon as it asks, and not five seconds later."""

_CLUSTER_OPTIONS = (
    *_AT_ONCE,
    *("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"),
    # With a master away the others go on.
    *("--cluster-require-full-coverage", "no"),
)


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


def _knows_all(client: redis.Redis, count: int) -> bool:
    state: Any = client.sentinel_master(SERVICE)
    return bool(state["num-slaves"] == 1 and state["num-other-sentinels"] == count - 1)


@contextmanager
def running_sentinels() -> Iterator[SentinelSet]:
    with ExitStack() as opened:

        def start(server: RedisServer) -> RedisServer:
            opened.callback(server.remove)
            server.start()
            return server

        master = start(RedisServer(binary(), *_AT_ONCE))
        replica = start(RedisServer(binary(), "--replicaof", "127.0.0.1", str(master.port)))
        watchers = _sentinels(master.port, replica.port)
        for watcher in watchers:
            start(watcher)
        found = SentinelSet(master, replica, watchers)
        found.wait_until_watched()
        yield found


def _sentinels(master_port: int, replica_port: int) -> list[RedisServer]:
    """Three that know of all from the start: they take seconds to find each other."""
    servers = [RedisServer(binary()) for _ in range(3)]
    known = {server.port: secrets.token_hex(20) for server in servers}
    for server in servers:
        others = [
            f"sentinel known-sentinel {SERVICE} 127.0.0.1 {port} {name}\n"
            for port, name in known.items()
            if port != server.port
        ]
        config = server.folder / "sentinel.conf"  # which it writes to
        config.write_text(
            f"port {server.port}\n"
            f"sentinel myid {known[server.port]}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master_port} {_QUORUM}\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
            f"sentinel known-replica {SERVICE} 127.0.0.1 {replica_port}\n" + "".join(others)
        )
        server.command = [binary(), str(config), "--sentinel"]
    return servers


@contextmanager
def running_cluster(*options: str, replicas: int = 0) -> Iterator[list[RedisServer]]:
    """Three masters that share the slots; then as many replicas of each."""
    count = 3 * (1 + replicas)
    with ExitStack() as opened:
        servers = []
        for _ in range(count):
            port = ("--cluster-port", str(free_port()))
            server = RedisServer(binary(), *_CLUSTER_OPTIONS, *options, *port)
            opened.callback(server.remove)
            server.start()
            servers.append(server)
        places = [f"127.0.0.1:{server.port}" for server in servers]
        create = [binary("redis-cli"), "--cluster", "create", *places, "--cluster-yes"]
        create += ["--cluster-replicas", str(replicas)]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=30)
        for server in servers:
            with server.client() as client:
                wait_for(functools.partial(_is_whole, client, count))
                if replicas:
                    wait_for(functools.partial(_is_copied, client))
        yield servers


@functools.cache
def shared_cluster() -> list[RedisServer]:
    """One for all tests of this process that leave it whole; each flushes it first."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(running_cluster())


def _is_whole(client: redis.Redis, count: int) -> bool:
    state: Any = client.execute_command("CLUSTER INFO")
    return bool(state["cluster_state"] == "ok" and state["cluster_known_nodes"] == str(count))


def _is_copied(client: redis.Redis) -> bool:
    """Whether it has a replica that is up to date, or is one."""
    known: Any = client.info("replication")
    if known["role"] == "slave":
        return bool(known["master_link_status"] == "up")
    return bool(known.get("slave0", {}).get("state") == "online")


def owns(server: RedisServer, key: str) -> bool:
    """Whether a server of a Cluster has the slot of a key."""
    with server.client() as client:
        try:
            client.exists(key)
        except redis.ResponseError:  # it is MOVED
            return False
    return True


def master_of(servers: Sequence[RedisServer], key: str) -> RedisServer | None:
    """Which server of a Cluster has a key, if there is one that says so; none may hang."""
    return next((server for server in masters(servers) if owns(server, key)), None)


def masters(servers: Sequence[RedisServer]) -> list[RedisServer]:
    """Those that believe to be one."""
    return [server for server in servers if server.is_running and _is_master(server)]


def _is_master(server: RedisServer) -> bool:
    with server.client() as client:
        return bool(client.info("replication")["role"] == "master")


def has_replica(server: RedisServer) -> bool:
    """Whether a server has a replica that has caught up."""
    with server.client() as client:
        first = client.info("replication").get("slave0", {})
    return bool(first.get("state") == "online")


class SlotMove:
    """The slot of a key on its way from one master of a Cluster to another, in two steps."""

    def __init__(self, key: str, source: RedisServer, target: RedisServer) -> None:
        self._source, self._target = source, target
        with source.client() as client:
            self._slot = client.execute_command("CLUSTER", "KEYSLOT", key)
        self._ids = [_cluster_id(one) for one in (source, target)]

    def begin(self) -> None:
        """Have both know of it; no key has moved yet."""
        with self._target.client() as client:
            client.execute_command("CLUSTER", "SETSLOT", self._slot, "IMPORTING", self._ids[0])
        with self._source.client() as client:
            client.execute_command("CLUSTER", "SETSLOT", self._slot, "MIGRATING", self._ids[1])

    def end(self) -> None:
        """Move the keys, and the slot."""
        with self._source.client() as source, self._target.client() as target:
            while found := source.execute_command("CLUSTER", "GETKEYSINSLOT", self._slot, 100):
                place = ("127.0.0.1", self._target.port, "", 0, 5_000)
                source.execute_command("MIGRATE", *place, "KEYS", *found)
            for client in (target, source):
                client.execute_command("CLUSTER", "SETSLOT", self._slot, "NODE", self._ids[1])


def _cluster_id(server: RedisServer) -> Any:
    with server.client() as client:
        return client.execute_command("CLUSTER", "MYID")

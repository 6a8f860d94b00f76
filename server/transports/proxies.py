"""Who is really calling: the client's address, and our own origin, as trusted proxies tell."""

import functools
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from msgspec import Struct

Network = IPv4Network | IPv6Network

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Proxies(Struct, frozen=True):
    """Which `X-Forwarded-*` headers to believe.

    Attributes:
        hops: How many proxies stand in front, if their number is what is known.
        networks: Whose addresses are proxies, if that is what is known.
    """

    hops: int = 0
    networks: tuple[Network, ...] = ()

    def trusts(self, peer: str) -> bool:
        """Whether the one at the other end of the connection is a proxy of ours."""
        return self.hops > 0 or _is_in(peer, self.networks)

    def client_address(self, peer: str, forwarded_for: Iterable[str]) -> str:
        """The client's address, by which limits count; an IPv6 client is its /64 network.

        Args:
            forwarded_for: All `X-Forwarded-For` headers, since a proxy may add its own line
                below one that the client made up.
        """
        return _limit_key(self._client(peer, forwarded_for))

    def _client(self, peer: str, forwarded_for: Iterable[str]) -> str:
        if not self.trusts(peer):
            return peer
        hops = [_without_port(hop.strip()) for hop in ",".join(forwarded_for).split(",")]
        chain = [*(hop for hop in hops if hop), peer]
        if self.hops:
            return chain[max(0, len(chain) - 1 - self.hops)]
        return next((hop for hop in reversed(chain) if not _is_in(hop, self.networks)), chain[0])

    def own_origin(self, peer: str, scheme: str, headers: Mapping[str, str]) -> str:
        """The origin under which the client reached us, such as `https://chat.example`."""
        host = headers.get("Host", "")
        if self.trusts(peer):
            scheme = _first(headers.get("X-Forwarded-Proto", "")) or scheme
            host = _first(headers.get("X-Forwarded-Host", "")) or host
        return f"{scheme}://{host}".lower()


def is_direct_loopback(peer: str, headers: Mapping[str, str]) -> bool:
    """Whether the request was made on this machine, through no proxy, and for this machine.

    The last keeps out pages whose name was made to lead here (DNS rebinding).
    """
    is_forwarded = any(
        name.lower().startswith("x-forwarded-") or name.lower() == "forwarded" for name in headers
    )
    name = _without_port(headers.get("Host", ""))
    is_for_loopback = name.lower() == "localhost" or _is_in(name, _LOOPBACK)
    return _is_in(peer, _LOOPBACK) and is_for_loopback and not is_forwarded


def _first(forwarded: str) -> str:
    return forwarded.split(",", 1)[0].strip()


def _without_port(hop: str) -> str:
    """Some proxies tell the port as well: `192.0.2.1:5000`, `[2001:db8::1]:5000`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    if not networks:
        return False
    try:
        parsed = _unmapped(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


@functools.lru_cache(maxsize=4096)
def _limit_key(address: str) -> str:
    try:
        parsed = _unmapped(address)
    except ValueError:
        # A proxy of ours wrote something else than an address: one bucket for all of it.
        return "unknown"
    if isinstance(parsed, IPv6Address):
        # One household or server has a whole /64, so that counting addresses limits nobody.
        return str(ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


def _unmapped(address: str) -> IPv4Address | IPv6Address:
    parsed = ip_address(address.split("%", 1)[0])
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed

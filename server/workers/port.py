"""The one port of all workers."""

import socket

from server.transports.listener import Address, addresses_of, bind, close_all


class SharedPort:
    """A port on which each worker has sockets of its own.

    The system spreads connections evenly over them, by a hash of their addresses. With one
    socket for all, whoever wakes first would take most, and keep them for hours.

    Attributes:
        number: Of the port.
    """

    def __init__(self, addresses: list[Address], reserved: list[socket.socket]) -> None:
        self._addresses = addresses
        self._reserved = reserved  # they never listen: the port stays ours without workers
        self.number: int = reserved[0].getsockname()[1]

    @classmethod
    async def take(cls, host: str, port: int) -> "SharedPort":
        """Take a port that nobody else has.

        Raises:
            OSError: It cannot be had.
        """
        found = await addresses_of(host, port)
        if port:
            # Another server of ours that shares its port would let us in.
            close_all(_listening(found))
        reserved = bind(found, is_shared=True)
        taken = [
            address._replace(place=sock.getsockname())
            for address, sock in zip(found, reserved, strict=True)
        ]
        return cls(taken, reserved)

    def sockets(self) -> list[socket.socket]:
        """For one more worker, which is to listen.

        Raises:
            OSError: The system has none.
        """
        return bind(self._addresses, is_shared=True)

    def close(self) -> None:
        close_all(self._reserved)


def _listening(addresses: list[Address]) -> list[socket.socket]:
    sockets = bind(addresses)
    try:
        for sock in sockets:
            sock.listen(1)
    except OSError:
        close_all(sockets)
        raise
    return sockets

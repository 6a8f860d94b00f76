"""What things take, as measured; and what there is to be served."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """CPU times in µs, sizes in bytes.

    Attributes:
        accept_us: Of a node, to take a message, have it appended, and answer.
        hear_us: Of a node, to take an event off Redis, render and encode it.
        deliver_us: Of a node, to write an event to one connection.
        append_us: Of Redis, to append a message and publish it.
        publish_us: Of Redis, to hand an event to one node more.
        hop_us: Between two machines, one way.
        connection_kb: Of a node, a connection with its membership.
        room_kb: Of Redis, a room with its members, without its messages.
        message_kb: Of Redis, a message in the history.
    """

    accept_us: float = 200.0
    hear_us: float = 25.0
    deliver_us: float = 8.0
    append_us: float = 55.0
    publish_us: float = 2.0
    hop_us: float = 150.0
    connection_kb: float = 9.0
    room_kb: float = 4.0
    message_kb: float = 1.0


@dataclass(frozen=True)
class Demand:
    """Who is to be served.

    Attributes:
        room_members: In each room, all of them connected.
        per_minute: Messages that each member sends.
        payload_bytes: Of one message, as it travels.
        history_messages: Kept of each room.
    """

    connections: int
    room_members: int
    per_minute: float
    payload_bytes: int
    history_messages: int

    @property
    def rooms(self) -> int:
        return self.connections // self.room_members

    @property
    def messages_per_s(self) -> float:
        return self.connections * self.per_minute / 60


@dataclass(frozen=True)
class Supply:
    """What serves them.

    Attributes:
        nodes: Processes, each with a core of its own.
        redis: Servers of Redis (masters of a cluster), each with a core of its own.
    """

    nodes: int
    redis: int

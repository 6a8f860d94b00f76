"""The core as its callers hold it."""

from server.core.messages import Messages
from server.core.rooms import Rooms


class Chat:
    """Everything a handler may call. Made once, by the composition root."""

    def __init__(self, rooms: Rooms, messages: Messages) -> None:
        self.rooms = rooms
        self.messages = messages

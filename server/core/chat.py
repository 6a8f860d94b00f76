"""The core as its callers hold it."""

from server.core.messages import Messages
from server.core.rooms import Rooms
from server.core.signins import SignIns
from server.core.tokens import Tokens


class Chat:
    """Everything a handler may call. Made once, by the composition root."""

    def __init__(self, rooms: Rooms, messages: Messages, tokens: Tokens, sign_ins: SignIns) -> None:
        self.rooms = rooms
        self.messages = messages
        self.tokens = tokens
        self.sign_ins = sign_ins

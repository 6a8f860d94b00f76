"""The answer to a receipt of many messages."""

from server.apis.secure_chat.render.frames import read_noted
from server.apis.secure_chat.requests.frames import TellReceipt
from server.core.ids import MessageId
from server.core.ports.conversations import Acknowledged

MANY = 500


class CountedId(MessageId):
    """An id that counts how often one is compared with another."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedId.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_each_of_many_messages_that_are_unknown_is_looked_up_and_not_searched_for() -> None:
    ids = tuple(CountedId(one) for one in range(MANY))
    unknown = tuple(CountedId(one) for one in range(0, MANY, 2))
    done = Acknowledged(receipts=(), unknown=unknown)

    (answer,) = read_noted(TellReceipt(message_ids=ids), done)

    assert CountedId.compared < 10 * MANY
    assert answer["messageIds"] == [str(one) for one in range(1, MANY, 2)]
    assert answer["notFound"] == [str(one) for one in range(0, MANY, 2)]

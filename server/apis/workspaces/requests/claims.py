"""Who a payload says that its sender is: nobody but its sender."""

from typing import Protocol

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import UserId


class Claims(Protocol):
    """A request that may say who sends it."""

    @property
    def user_id(self) -> UserId | None: ...

    @property
    def sender_id(self) -> UserId | None: ...


def own(user: User, request: Claims) -> User:
    """The user, who is whom the request names, if it names anybody.

    Raises:
        AppError: FORBIDDEN.
    """
    if not {user.user_id, None}.issuperset((request.user_id, request.sender_id)):
        raise AppError(Code.FORBIDDEN, "you are somebody else")
    return user

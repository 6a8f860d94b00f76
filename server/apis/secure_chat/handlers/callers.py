"""Who may use secure chat."""

from server.core.errors import AppError, Code
from server.core.identity import User
from server.transports.api import Caller


def account_of(caller: Caller) -> User:
    """The user that calls.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN for guests, who have nothing that lasts, and for users
            of other systems, who have no keys here and could not be answered, nor blocked.
    """
    user = caller.signed_in()
    if not user.is_account:
        raise AppError(Code.FORBIDDEN, "messages are for accounts of this server; sign up first")
    return user

"""Who may use secure chat."""

from server.core.errors import AppError, Code
from server.core.identity import User
from server.transports.api import Caller


def account_of(caller: Caller) -> User:
    """The user that calls.

    Raises:
        AppError: UNAUTHENTICATED; FORBIDDEN for guests, who have nothing that lasts.
    """
    user = caller.signed_in()
    if user.is_guest:
        raise AppError(Code.FORBIDDEN, "guests have no messages here; sign up first")
    return user

"""From results and events of the core to the words of identity's wire."""

from collections.abc import Callable
from typing import Any

from server.apis.identity import shapes
from server.apis.identity.requests import GetGuest, GetMe, Refresh
from server.core.accounts import Whoami
from server.core.clock import iso_utc
from server.core.events import ConnectionEvent, SignInExpired
from server.core.identity import User
from server.core.ids import as_written
from server.core.ports import Account
from server.core.tokens import Issued
from server.transports.api import Answer, Response


def guest(request: GetGuest, issued: Issued) -> Response[shapes.Guest]:
    user = issued.user
    body: shapes.Guest = {
        "success": True,
        "token": issued.token,
        "expiresAt": _expiry(user),
        "user": {"id": as_written(user.user_id), "login": user.login},
    }
    return Response(body)


def me(request: GetMe, found: Whoami) -> Response[shapes.Me]:
    user = found.user
    body: shapes.Me = {
        "success": True,
        "user": {"id": as_written(user.user_id), "login": user.login, "guest": user.is_guest},
        "expiresAt": _expiry(user),
    }
    if found.account is not None:
        body["data"] = _account(found.account, user)
    return Response(body)


def _account(account: Account, user: User) -> shapes.OwnAccount:
    """What the owner of an account is told of it."""
    return {
        "userId": account.user_id,
        "username": account.username,
        "email": account.email,
        "displayName": account.display_name,
        "deviceId": user.device_id,
        "createdAt": iso_utc(account.created_ms),
        "passwordChangeRequired": account.password_is_temporary,
    }


def refreshed(request: Refresh, user: User) -> Answer[shapes.Refreshed]:
    return Answer({"success": True, "expiresAt": _expiry(user)})


def _expired(event: SignInExpired) -> tuple[str, Any]:
    data: shapes.AuthExpired = {"expiredAt": iso_utc(event.expired_ms)}
    return "auth-expired", data


def _expiry(user: User) -> str | None:
    return None if user.expires_ms is None else iso_utc(user.expires_ms)


CONNECTION_EVENTS: dict[type[ConnectionEvent], Callable[[Any], tuple[str, Any]]] = {
    SignInExpired: _expired,
}

HEARD = {"auth-expired": shapes.AuthExpired}

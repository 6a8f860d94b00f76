"""Accounts as operators see them."""

from typing import Any

from server.apis.secure_chat import shapes
from server.apis.secure_chat.handlers.admin import ResetPassword
from server.apis.secure_chat.render import envelope
from server.apis.secure_chat.requests.admin import RevokeDevices
from server.apis.secure_chat.shapes import Envelope
from server.core.clock import iso_utc
from server.core.ids import DeviceId, UserId
from server.core.ports import Account, AccountPage
from server.transports.api import Response


def accounts(_: Any, page: AccountPage) -> Response[Envelope[shapes.Accounts]]:
    shown = [_account(one) for one in page.accounts]
    return envelope({"accounts": shown, "next": page.next})


def changed(_: Any, user_id: UserId) -> Response[Envelope[shapes.OfUser]]:
    return envelope({"userId": user_id})


def revoked(
    request: RevokeDevices, devices: tuple[DeviceId, ...]
) -> Response[Envelope[shapes.RevokedDevices]]:
    return envelope({"userId": request.user_id, "revoked": [str(one) for one in devices]})


def reset(_: Any, made: ResetPassword) -> Response[Envelope[shapes.TemporaryPassword]]:
    message = "The password signs in once; hand it over by a way that others cannot read"
    return envelope({"userId": made.user_id, "temporaryPassword": made.password}, message)


def _account(account: Account) -> shapes.Account:
    return {
        "userId": account.user_id,
        "username": account.username,
        "email": account.email,
        "displayName": account.display_name,
        "createdAt": iso_utc(account.created_ms),
        "bannedAt": None if account.banned_ms is None else iso_utc(account.banned_ms),
        "operator": account.is_operator,
    }

"""Accounts, devices and tokens in the words of the contract."""

from typing import Any

from server.apis.secure_chat.handlers.auth import OwnDevices
from server.apis.secure_chat.render import envelope
from server.apis.secure_chat.requests.auth import REGISTRATION_COOKIE, REGISTRATION_PATH
from server.core.clock import iso_utc
from server.core.ids import DeviceId, UserId
from server.core.logins import LoggedIn, TokenPair
from server.core.ports import Account, Block
from server.core.tokens import REGISTRATION_LIFE_S
from server.transports.api import Cookie, Response

FORGET_REGISTRATION = Cookie(REGISTRATION_COOKIE, "", REGISTRATION_PATH, 0)
"""For the answer to whoever has used it."""


def signed_up(_: Any, account: Account) -> Response:
    data = {
        "userId": account.user_id,
        "username": account.username,
        "email": account.email,
        "displayName": account.display_name,
    }
    message = "User registered successfully. Please login to register device keys."
    return envelope(data, message, 201)


def logged_in(_: Any, login: LoggedIn) -> Response:
    data: dict[str, Any] = {
        "userId": login.user_id,
        "username": login.username,
        "deviceId": str(login.device_id),
        "requiresKeyRegistration": login.tokens is None,
    }
    if login.must_change_password:
        data["passwordChangeRequired"] = True
    if login.tokens:
        return envelope({**data, **pair(login.tokens)}, "Login successful.")
    token = login.registration_token or ""
    message = "Login successful. Please register device keys to complete setup."
    cookie = Cookie(REGISTRATION_COOKIE, token, REGISTRATION_PATH, REGISTRATION_LIFE_S)
    return envelope({**data, "registrationToken": token}, message, cookies=(cookie,))


def pair(tokens: TokenPair) -> dict[str, str]:
    return {
        "accessToken": tokens.access,
        "refreshToken": tokens.refresh,
        "expiresAt": iso_utc(tokens.expires_ms),
    }


def refreshed(_: Any, tokens: TokenPair) -> Response:
    return envelope(pair(tokens), "Token refreshed successfully")


def logged_out(_: Any, __: None) -> Response:
    return envelope({}, "Logout successful")


def password_changed(_: Any, __: None) -> Response:
    return envelope({}, "Password changed; all other devices are signed out")


def deleted(_: Any, __: None) -> Response:
    return envelope({}, "Account deleted")


def devices(_: Any, own: OwnDevices) -> Response:
    shown = [
        {
            "deviceId": str(one.device_id),
            "deviceName": one.name,
            "deviceType": one.type,
            "createdAt": iso_utc(one.created_ms),
            "lastSeenAt": iso_utc(one.seen_ms),
            "current": one.device_id == own.current,
        }
        for one in own.devices
    ]
    return envelope({"devices": shown})


def revoked(_: Any, device_id: DeviceId) -> Response:
    return envelope({"deviceId": str(device_id)}, "Device revoked successfully")


def blocks(_: Any, found: tuple[Block, ...]) -> Response:
    shown = [{"userId": one.user_id, "blockedAt": iso_utc(one.created_ms)} for one in found]
    return envelope({"blocks": shown})


def blocked(_: Any, user_id: UserId) -> Response:
    return envelope({"userId": user_id}, "User blocked", 201)


def unblocked(_: Any, user_id: UserId) -> Response:
    return envelope({"userId": user_id}, "User unblocked")

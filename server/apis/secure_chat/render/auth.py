"""Accounts, devices and tokens in the words of the contract."""

from typing import Any

from server.apis.secure_chat import shapes
from server.apis.secure_chat.handlers.auth import OwnDevices
from server.apis.secure_chat.render import envelope
from server.apis.secure_chat.requests.auth import REGISTRATION_COOKIE, REGISTRATION_PATH
from server.apis.secure_chat.shapes import Envelope
from server.core.clock import iso_utc
from server.core.ids import DeviceId, UserId
from server.core.logins import LoggedIn, TokenPair
from server.core.ports import Account, Block
from server.core.tokens import REGISTRATION_LIFE_S
from server.transports.api import Cookie, Response

FORGET_REGISTRATION = Cookie(REGISTRATION_COOKIE, "", REGISTRATION_PATH, 0)
"""For the answer to whoever has used it."""


def signed_up(_: Any, account: Account) -> Response[Envelope[shapes.SignedUp]]:
    data: shapes.SignedUp = {
        "userId": account.user_id,
        "username": account.username,
        "email": account.email,
        "displayName": account.display_name,
    }
    message = "User registered successfully. Please login to register device keys."
    return envelope(data, message)


def logged_in(_: Any, login: LoggedIn) -> Response[Envelope[shapes.LoggedIn]]:
    data: shapes.LoggedIn = {
        "userId": login.user_id,
        "username": login.username,
        "deviceId": str(login.device_id),
        "requiresKeyRegistration": login.tokens is None,
    }
    if login.must_change_password:
        data["passwordChangeRequired"] = True
    if login.tokens:
        signed_in: shapes.LoggedIn = {**data, **pair(login.tokens)}
        return envelope(signed_in, "Login successful.")
    data["registrationToken"] = token = login.registration_token or ""
    message = "Login successful. Please register device keys to complete setup."
    cookie = Cookie(REGISTRATION_COOKIE, token, REGISTRATION_PATH, REGISTRATION_LIFE_S)
    return envelope(data, message, cookies=(cookie,))


def pair(tokens: TokenPair) -> shapes.TokenPair:
    return {
        "accessToken": tokens.access,
        "refreshToken": tokens.refresh,
        "expiresAt": iso_utc(tokens.expires_ms),
    }


def refreshed(_: Any, tokens: TokenPair) -> Response[Envelope[shapes.TokenPair]]:
    return envelope(pair(tokens), "Token refreshed successfully")


def logged_out(_: Any, __: None) -> Response[Envelope[shapes.Nothing]]:
    return envelope({}, "Logout successful")


def password_changed(_: Any, __: None) -> Response[Envelope[shapes.Nothing]]:
    return envelope({}, "Password changed; all other devices are signed out")


def deleted(_: Any, __: None) -> Response[Envelope[shapes.Nothing]]:
    return envelope({}, "Account deleted")


def devices(_: Any, own: OwnDevices) -> Response[Envelope[shapes.Devices]]:
    shown: list[shapes.Device] = [
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


def revoked(_: Any, device_id: DeviceId) -> Response[Envelope[shapes.OfDevice]]:
    return envelope({"deviceId": str(device_id)}, "Device revoked successfully")


def blocks(_: Any, found: tuple[Block, ...]) -> Response[Envelope[shapes.Blocks]]:
    shown: list[shapes.Block] = [
        {"userId": one.user_id, "blockedAt": iso_utc(one.created_ms)} for one in found
    ]
    return envelope({"blocks": shown})


def blocked(_: Any, user_id: UserId) -> Response[Envelope[shapes.OfUser]]:
    return envelope({"userId": user_id}, "User blocked")


def unblocked(_: Any, user_id: UserId) -> Response[Envelope[shapes.OfUser]]:
    return envelope({"userId": user_id}, "User unblocked")

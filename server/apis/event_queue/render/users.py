"""What is answered of people."""

from typing import Any

import msgspec

from server.apis.event_queue import shapes
from server.apis.event_queue.requests.users import AskKeys
from server.core.identities import SignedIn
from server.core.ports.identities import Found, Profile
from server.core.tokens import SOCKET_LIFE_S
from server.transports.api import Cookie, Response

SOCKET_COOKIE = "hushwire-socket"

SOCKET_PATH = "/ws"


def registered(_: Any, signed_in: SignedIn) -> Response[shapes.RegisteredUser]:
    tokens = signed_in.tokens
    body: shapes.RegisteredUser = {
        "user": _user(signed_in.registered.profile),
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "token_type": "bearer",
        "expires_at": tokens.expires_ms,
    }
    cookie = Cookie(SOCKET_COOKIE, signed_in.socket_token, SOCKET_PATH, SOCKET_LIFE_S)
    return Response(body, 201 if signed_in.registered.is_new else 200, (cookie,))


def myself(_: Any, profile: Profile) -> Response[shapes.OwnUser]:
    return Response(_user(profile))


def keys(request: AskKeys, found: tuple[Profile, ...]) -> Response[shapes.PublicKeys]:
    shown = {str(one.user_id): _json(one.public_key) for one in found}
    unknown: list[str | int] = [one for one in dict.fromkeys(request.user_ids) if one not in shown]
    return Response({"public_keys": shown, "not_found": unknown})


def users(_: Any, found: tuple[Found, ...]) -> Response[shapes.FoundUsers]:
    shown: list[shapes.FoundUser] = [
        {"user_id": one.user_id, "display_name": one.display_name} for one in found
    ]
    return Response({"users": shown})


def _user(profile: Profile) -> shapes.OwnUser:
    return {
        "user_id": profile.user_id,
        "email": profile.email,
        "display_name": profile.display_name,
        "public_key": _json(profile.public_key),
        "key_version": profile.key_version,
        "created_at": profile.created_ms,
    }


def _json(text: bytes | None) -> Any:
    """What the client wrote."""
    return None if text is None else msgspec.Raw(text)

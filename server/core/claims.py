"""What the claims of a token say: whose it is, since when and until when, and what it is for."""

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from server.core.identity import is_one_line
from server.core.ids import DeviceId, NumericUserId, UserId, WorkspaceId
from server.core.jws import refused

LEEWAY_MS = 30_000
"""By which the clock of another system may go before ours. When a token ends, ours counts."""

_LAST_S = 253_402_300_799
"""The end of the year 9999; later times have no text."""

_MAX_SAFE_INTEGER = 2**53 - 1

MAX_WORKSPACES = 100
"""That one token can name; more are passed over."""

SIGN_IN_TYPES = frozenset(
    {
        "access",
        "access_token",
        "auth",
        "at+jwt",
        "bearer",
        "guest",
        "jwt",
        "login",
        "session",
        "user",
    }
)
"""What tokens are called that sign in. Any other may be made to renew, to confirm an address, to
reset a password: a link in a mail must not be a way in."""

Claims = Mapping[str, Any]


class AdminClaim(Struct, frozen=True):
    """Which tokens of another system are operators'.

    Attributes:
        name: Of the claim; where there is none of that name, dots lead into objects.
        value: It, or one in its list (an array, or words with spaces); None wants true.
    """

    name: str
    value: str | None

    def holds_in(self, claims: Claims) -> bool:
        found = _look_up(claims, self.name)
        if self.value is None:
            return found is True
        if isinstance(found, str):
            return found == self.value or self.value in found.split(" ")
        return isinstance(found, list) and self.value in found


def user_id_of(claims: Claims, max_chars: int) -> UserId:
    """The first of `sub`, `userId` and `id` that is there; a number makes a numeric one.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    found = next((claims[name] for name in _ID_CLAIMS if claims.get(name) is not None), None)
    if isinstance(found, int) and not isinstance(found, bool):
        if abs(found) > _MAX_SAFE_INTEGER:
            raise refused("its user id is a larger number than JavaScript can hold")
        return NumericUserId(found)
    if not isinstance(found, str) or not found or not found.isprintable():
        raise refused(f"it names no user in {', '.join(_ID_CLAIMS)}")
    if len(found) > max_chars:
        raise refused(f"its user id has more than {max_chars} characters")
    return UserId(found)


def device_id_of(claims: Claims, max_chars: int) -> DeviceId | None:
    """The user's device that another system names as `deviceId`; None if it names none.

    Raises:
        AppError: UNAUTHENTICATED if that is no id.
    """
    found = claims.get("deviceId")
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= max_chars or not found.isprintable():
        raise refused("its deviceId is no id of a device")
    return DeviceId(found)


def login_of(claims: Claims, max_chars: int) -> str | None:
    """The first of `login`, `username` and `name` that is there and not empty.

    Raises:
        AppError: UNAUTHENTICATED if it is no name that can be shown.
    """
    for name in _LOGIN_CLAIMS:
        found = claims.get(name)
        if found is None or found == "":
            continue
        if not isinstance(found, str) or len(found) > max_chars or not is_one_line(found):
            raise refused(f"its {name} is no name of 1 to {max_chars} characters in one line")
        return found
    return None


def workspace_ids_of(claims: Claims, max_chars: int) -> tuple[WorkspaceId, ...]:
    """Which workspaces `workspaceId` and the list `workspaceIds` name, as text or numbers.

    What is no id names no workspace: the token is good for all else.
    """
    listed = claims.get("workspaceIds")
    found = [claims.get("workspaceId"), *(listed if isinstance(listed, list) else ())]
    named = dict.fromkeys(_workspace_id(one, max_chars) for one in found)
    return tuple(one for one in named if one is not None)[:MAX_WORKSPACES]


def check_type(claims: Claims, more_types: frozenset[str]) -> None:
    """Refuse tokens that are made for something else than to sign in.

    Args:
        more_types: Of those that sign in besides the usual ones, in small letters.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    for name in _TYPE_CLAIMS:
        found = claims.get(name)
        if found is None or found == "":
            continue
        if not isinstance(found, str) or found.lower() not in SIGN_IN_TYPES | more_types:
            raise refused("it is of a type that does not sign in; show an access token")


def check_audience(claims: Claims, audience: str) -> None:
    """Refuse tokens that are for others.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    found = claims.get("aud")
    named = found if isinstance(found, list) else [found]
    if audience not in named or not all(isinstance(one, str) for one in named):
        raise refused("it is for another audience")


def check_times(claims: Claims, now_ms: int) -> int | None:
    """Refuse tokens that are not good yet.

    Returns:
        When it runs out, which may be over; None for never.

    Raises:
        AppError: UNAUTHENTICATED.
    """
    for name in ("nbf", "iat"):
        start_ms = _time_ms(claims, name)
        if start_ms is not None and start_ms > now_ms + LEEWAY_MS:
            raise refused("it is not valid yet; look at the clocks")
    return _time_ms(claims, "exp")


_ID_CLAIMS = ("sub", "userId", "id")
_LOGIN_CLAIMS = ("login", "username", "name")
_TYPE_CLAIMS = ("typ", "type", "token_use", "purpose")


def _time_ms(claims: Claims, name: str) -> int | None:
    found = claims.get(name)
    if found is None:
        return None
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or not math.isfinite(found) or not 0 <= found <= _LAST_S:
        raise refused(f"its {name} is no time in seconds")
    return int(found * 1000)


def _workspace_id(found: Any, max_chars: int) -> WorkspaceId | None:
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) <= _MAX_SAFE_INTEGER:
        return WorkspaceId(found)
    if not isinstance(found, str) or not 0 < len(found) <= max_chars or not found.isprintable():
        return None
    return WorkspaceId(found)


def _look_up(claims: Claims, name: str) -> Any:
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found

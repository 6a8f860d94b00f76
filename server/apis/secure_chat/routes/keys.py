"""The REST routes of keys."""

from base64 import b64encode

from server.apis.secure_chat.handlers import keys as handlers
from server.apis.secure_chat.render import keys as render
from server.apis.secure_chat.requests import keys as requests
from server.apis.secure_chat.shapes import KEY_EXAMPLE
from server.core.errors import Code
from server.transports.api import Access, Route

_SIGNED_PREKEY = {
    "keyId": 1,
    "publicKey": KEY_EXAMPLE,
    "signature": b64encode(b"no signature, but as long".ljust(64, b".")).decode(),
}
_CHANGING = (Code.NOT_FOUND, Code.ID_CONFLICT, Code.LIMIT_REACHED)
"""Keys of a device."""

ROUTES = (
    Route(
        "POST",
        "/api/keys/register",
        requests.Register,
        handlers.register,
        render.registered,
        "Register the keys of a device that has just logged in, and get its tokens; the login's "
        "registration token is the Bearer, the field, or in the cookie",
        statuses=(201,),
        refusals=(
            Code.UNAUTHENTICATED,
            Code.INVALID_SIGNATURE,
            Code.IDENTITY_MISMATCH,
            Code.ID_CONFLICT,
            Code.LIMIT_REACHED,
            Code.FORBIDDEN,
        ),
        example={
            "deviceId": "device-web-001",
            "publicKey": KEY_EXAMPLE,
            "identityPublicKey": KEY_EXAMPLE,
            "identityKeyType": "ed25519",
            "signedPreKey": _SIGNED_PREKEY,
            "preKeys": [{"keyId": 1, "publicKey": KEY_EXAMPLE}],
        },
    ),
    Route(
        "GET",
        "/api/keys/user/{userId}",
        requests.OfUser,
        handlers.get_bundle,
        render.bundle,
        "The keys of all devices of a user, with a one-time prekey of each",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/keys/rotate",
        requests.Rotate,
        handlers.rotate,
        render.rotated,
        "Change the keys of this device",
        access=Access.USER,
        refusals=(*_CHANGING, Code.INVALID_SIGNATURE, Code.IDENTITY_MISMATCH),
        example={"signedPreKey": _SIGNED_PREKEY},
    ),
    Route(
        "POST",
        "/api/keys/prekeys",
        requests.AddPreKeys,
        handlers.add_prekeys,
        render.added,
        "Upload one-time prekeys of this device",
        access=Access.USER,
        refusals=_CHANGING,
        example={"preKeys": [{"keyId": 2, "publicKey": KEY_EXAMPLE}]},
    ),
    Route(
        "GET",
        "/api/keys/prekeys/stats",
        requests.OfDevice,
        handlers.get_stats,
        render.stats,
        "How many one-time prekeys this device has",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "DELETE",
        "/api/keys/prekeys/cleanup",
        requests.OfDevice,
        handlers.sweep,
        render.swept,
        "Forget the prekeys of this device that are used or expired",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
)

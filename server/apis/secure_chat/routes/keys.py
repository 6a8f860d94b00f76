"""The REST routes of keys."""

from server.apis.secure_chat.handlers import keys as handlers
from server.apis.secure_chat.render import keys as render
from server.apis.secure_chat.requests import keys as requests
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "POST",
        "/api/keys/register",
        requests.Register,
        handlers.register,
        render.registered,
        "Register the keys of a device that has just logged in, and get its tokens",
    ),
    Route(
        "GET",
        "/api/keys/user/{userId}",
        requests.OfUser,
        handlers.get_bundle,
        render.bundle,
        "The keys of all devices of a user, with a one-time prekey of each",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/keys/rotate",
        requests.Rotate,
        handlers.rotate,
        render.rotated,
        "Change the keys of this device",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/keys/prekeys",
        requests.AddPreKeys,
        handlers.add_prekeys,
        render.added,
        "Upload one-time prekeys of this device",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/keys/prekeys/stats",
        requests.OfDevice,
        handlers.get_stats,
        render.stats,
        "How many one-time prekeys this device has",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/keys/prekeys/cleanup",
        requests.OfDevice,
        handlers.sweep,
        render.swept,
        "Forget the prekeys of this device that are used or expired",
        access=Access.USER,
    ),
)

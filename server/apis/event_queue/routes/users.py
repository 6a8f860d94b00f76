"""The REST routes of people."""

from server.apis.event_queue.handlers import users as handlers
from server.apis.event_queue.render import users as render
from server.apis.event_queue.requests import users as requests
from server.core.errors import Code
from server.core.limits import Bounds
from server.transports.api import Access, Route

_SOMEBODY = "019a9d3e-7c1a-7b64-9d0e-1f2a3b4c5d6e"


def _public_key(bounds: Bounds) -> int:
    return bounds.public_key_bytes


def _ids(bounds: Bounds) -> int:
    return requests.MAX_USERS * (bounds.id_bytes + 3)


ROUTES = (
    Route(
        "POST",
        "/api/register",
        requests.Register,
        handlers.register,
        render.registered,
        "Sign in by an identity token; the first time that makes an account",
        statuses=(201, 200),
        refusals=(
            Code.UNAUTHENTICATED,
            Code.TOKEN_EXPIRED,
            Code.FORBIDDEN,
            Code.LIMIT_REACHED,
        ),
        extra_body_bytes=_public_key,
        example={
            "id_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.c2lnbmF0dXJl",
            "public_key": "dGhlc2UgYXJlIG5vdCBrZXlzLCBidXQgMzIgYnl0ZXM=",
            "display_name": "Alice",
        },
    ),
    Route(
        "GET",
        "/api/users/me",
        requests.AskMyself,
        handlers.read_myself,
        render.myself,
        "One's own account, and the public key that it shows",
        access=Access.USER,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/users/public-keys",
        requests.AskKeys,
        handlers.read_keys,
        render.keys,
        "The public keys that several people show",
        access=Access.USER,
        extra_body_bytes=_ids,
        example={"user_ids": [_SOMEBODY]},
    ),
    Route(
        "GET",
        "/api/users/search",
        requests.SearchUsers,
        handlers.search_users,
        render.users,
        "People whose name begins so, or whose verified e-mail address this is",
        access=Access.USER,
    ),
)

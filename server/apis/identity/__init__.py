"""Identity by token: guests, and users of other systems, for whatever API asks who one is.

The wire contract. Times are ISO 8601 in UTC, with milliseconds and a `Z`; `?` marks what may
be absent.

A token is shown in `Authorization: Bearer` over HTTP, and as `auth: {token}` in the handshake
of Socket.IO, where `Bearer ` may stand before it; without that the header of the handshake's
request counts. No route and no handshake takes it from a query.

Routes
    POST /api/auth/guest {login?}
        201 {success, token, expiresAt, user: {id, login}}; 403 where there are no guests
    GET /api/auth/me            (users)
        {success, user: {id, login, guest}, expiresAt}, and of an account of ours also data:
        {userId, username, email, displayName, deviceId, createdAt, passwordChangeRequired}

The handshake, of each namespace
    Without a token, or with null or an empty one, a connection speaks for nobody. With a good one
    it speaks for its user. With one that is no text or is not good it is refused:
    CONNECT_ERROR {message, data: {code}}. With one that has run out it connects, speaks for
    nobody, and gets `auth-expired` at once. While the issuer's keys cannot be had, the
    transport is closed (1012), after which clients try again by themselves.
    When the sign-in of an account ends (it signs out, its device is revoked, it is banned or
    deleted, its password changed), the transports of connections that were signed in by it are
    closed (4401); clients that come back with that token are refused.

From clients
    auth-refresh        {token}
        ack {success, expiresAt}: `null` for a token that never runs out
        On a connection that speaks for nobody it signs in; on one that speaks for a user, or did
        until less than 60 s ago, the token must name the same user, else `forbidden`.

To clients
    auth-expired        {expiredAt}
        The token has run out. The connection speaks for nobody until it is renewed, and what
        needs a user is refused with `token_expired`; if that is not within 60 s, its user has
        left whatever needed the token.

A user id that a token has as a number goes out as a number. Users of JWT_JWKS_URL have the id
`<sub>@<host of JWT_ISSUER>`, or a hash of that if it is too long.
"""

from server.apis.identity.events import ACTIONS, CHAT_ACTIONS
from server.apis.identity.render import CONNECTION_EVENTS, HEARD
from server.apis.identity.routes import ROUTES
from server.transports.api import CHAT, NOTHING, Api

IDENTITY = Api(
    name="identity",
    routes=ROUTES,
    actions=ACTIONS,
    events=NOTHING,
    heard=HEARD,
    words=NOTHING,
    connection_events=CONNECTION_EVENTS,
)

CHAT_IDENTITY = Api(
    name="chat identity",
    routes=(),
    actions=CHAT_ACTIONS,
    events=NOTHING,
    heard=HEARD,
    words=NOTHING,
    connection_events=CONNECTION_EVENTS,
    namespaces=(CHAT,),
    unasked_event="exception",
)
"""The same of the namespace `/chat`, where connections are signed in by themselves."""

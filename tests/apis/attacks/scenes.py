"""Alice and Bob, who talk in every way there is; and Mallory, who has an account too."""

import base64
from typing import Any, NamedTuple

import aiohttp
import msgspec
from nacl.signing import SigningKey

from server.app import APIS
from server.transports.api import Access, Route
from tests.servers import ADMIN_TOKEN, RunningServer

PASSWORD = "SecurePass123!"


def name_of(route: Route) -> str:
    """Method and path, with what the query must have for it to be this route."""
    query = f"?{route.if_query[0]}=1" if route.if_query else ""
    return f"{route.method} {route.path}{query}"


ROUTES = {name_of(route): route for api in APIS for route in api.routes}

CANARY = "canary"
"""In whatever is nobody's business but theirs."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str | None:
        code: str | None = self.body.get("code")
        return code


class Person(NamedTuple):
    """Somebody with an account and one device, whose keys are registered."""

    name: str
    user_id: str
    device_id: str
    token: str
    refresh_token: str


class Scene:
    """What there is on the server.

    Attributes:
        ids: Of what belongs to alice and bob, by their names on the wire.
    """

    def __init__(self, server: RunningServer | None, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http
        self.alice = self.bob = self.mallory = Person("", "", "", "", "")
        self.ids: dict[str, str] = {}

    async def begin(self) -> None:
        self.alice, self.bob, self.mallory = [
            await self.enter(name) for name in ("alice", "bob", "mallory")
        ]
        alice, bob = self.alice, self.bob
        sent = {"messageId": "message-1", "encryptedContent": f"{CANARY} direct"}
        await self.done(alice, "POST /api/messages/send", {**sent, "recipientId": bob.user_id})
        room = {"name": f"{CANARY} room", "participants": [bob.user_id]}
        room_id = (await self.done(alice, "POST /api/rooms", room))["data"]["roomId"]
        said = {"messageId": "message-2", "encryptedContent": f"{CANARY} room"}
        await self.done(alice, "POST /api/messages/send", {**said, "roomId": room_id})
        group_id = await self._meet(alice, bob)
        queue_group_id = await self._queue(alice, bob)
        of_workspace = await self._work(alice, bob)
        self.ids = {
            "userId": alice.user_id,
            "deviceId": alice.device_id,
            "roomId": room_id,
            "messageId": "message-2",
            "groupId": group_id,
            "user_id": alice.user_id,
            "group_id": queue_group_id,
            **of_workspace,
        }

    async def _meet(self, *people: Person) -> str:
        """A random group, into which mallory does not come."""
        for one in people:
            block = f"POST /api/users/{self.mallory.user_id}/block"
            await self.done(one, block, {})
            join = {"publicKey": f"{CANARY} key"}
            found = await self.done(one, "POST /api/groups/join-random", join)
        group_id: str = found["group"]["id"]
        sent = {"groupId": group_id, "encryptedMessage": f"{CANARY} group"}
        await self.done(people[0], "POST /api/messages", sent)
        return group_id

    async def _queue(self, alice: Person, bob: Person) -> str:
        """A group of the event queue, and an event that waits for bob."""
        group = {"name": f"{CANARY} queues", "member_ids": [bob.user_id]}
        group_id: str = (await self.done(alice, "POST /api/groups", group))["group_id"]
        event = {"event_type": "MESSAGE", "event_id": "event-1", "encrypted_payload": CANARY}
        await self.done(alice, "POST /api/events", {**event, "group_id": group_id})
        return group_id

    async def _work(self, alice: Person, bob: Person) -> dict[str, str]:
        """A workspace, and in it a channel with a message and a file, which bob has not read."""
        made = await self.done(alice, "POST /chat/workspaces", {"name": f"{CANARY} workspace"})
        workspace_id = made["workspace"]["id"]
        who = {"userId": bob.user_id}
        await self.done(alice, f"POST /chat/workspaces/{workspace_id}/members", who)
        channel = {"type": "GROUP", "name": f"{CANARY} channel", "memberIds": [bob.user_id]}
        wish = {**channel, "workspaceId": workspace_id}
        made = await self.done(alice, "POST /chat/conversations", wish)
        conversation_id = made["conversation"]["id"]
        path = f"/chat/conversations/{conversation_id}"
        said = {"content": f"{CANARY} channel", "clientMessageId": "message-2"}
        await self.done(alice, f"POST {path}/messages", said)
        headers = {"Authorization": f"Bearer {alice.token}"}
        async with self.http.post(f"{path}/files", data=CANARY, headers=headers) as answer:
            file_id = (await answer.json(content_type=None))["file"]["id"]
        return {
            "workspaceId": workspace_id,
            "conversationId": conversation_id,
            "fileId": file_id,
        }

    async def enter(self, name: str) -> Person:
        """Sign up, log in, and register keys."""
        email, device_id = f"{name}@{CANARY}.example", f"{name}-phone"
        account = {"username": name, "email": email, "password": PASSWORD}
        await self.done(None, "POST /api/auth/signup", account)
        login = {"username": name, "password": PASSWORD, "deviceId": device_id}
        data = (await self.done(None, "POST /api/auth/login", login))["data"]
        keys = {**keys_of(device_id), "registrationToken": data["registrationToken"]}
        data = (await self.done(None, "POST /api/keys/register", keys))["data"]
        return Person(name, data["userId"], device_id, data["accessToken"], data["refreshToken"])

    async def done(self, who: Person | str | None, what: str, body: Any = None) -> dict[str, Any]:
        """What is answered to what must succeed."""
        answer = await self.ask(who, what, body)
        assert answer.status < 300, (what, answer)
        return answer.body

    async def ask(self, who: Person | str | None, what: str, body: Any = None) -> Answer:
        """Ask by method and path, as somebody or with a token."""
        method, path = what.split(" ", 1)
        token = who.token if isinstance(who, Person) else who
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        wish = {} if body is None else {"json": body}
        async with self.http.request(method, path, headers=headers, **wish) as response:
            return Answer(response.status, await response.json(content_type=None))

    def token_for(self, route: Route) -> str | None:
        """By which whoever may call it calls it."""
        tokens = {Access.USER: self.mallory.token, Access.OPERATOR: ADMIN_TOKEN}
        return tokens.get(route.access)

    async def seen_by(self, who: Person) -> dict[str, Any]:
        """All that somebody sees of what is theirs."""
        shown = {
            name: (await self.ask(who, name.format(**self.ids))).body
            for name in (
                "GET /api/auth/me",
                "GET /api/auth/devices",
                "GET /api/users/blocks",
                "GET /api/keys/prekeys/stats",
                "GET /api/rooms",
                "GET /api/rooms/{roomId}",
                "GET /api/messages/room/{roomId}",
                "GET /api/messages/conversations",
                "GET /api/messages/offline",
                "GET /api/groups/current",
                "GET /api/groups/{groupId}/messages",
                "GET /api/users/me",
                "GET /api/groups",
                "GET /api/groups/{group_id}",
                "GET /chat/workspaces",
                "GET /chat/workspaces/{workspaceId}/members",
                "GET /chat/workspaces/{workspaceId}/unread-count",
                "GET /chat/conversations",
                "GET /chat/conversations/{conversationId}/messages",
                "GET /chat/presence/{workspaceId}",
            )
        }
        return msgspec.json.decode(msgspec.json.encode(shown))  # type: ignore[no-any-return]


def keys_of(device_id: str) -> dict[str, Any]:
    """As a device registers them."""
    identity, exchange = SigningKey.generate(), b"x" * 32
    signature = identity.sign(exchange).signature
    return {
        "deviceId": device_id,
        "publicKey": base64_of(exchange),
        "identityPublicKey": base64_of(bytes(identity.verify_key)),
        "identityKeyType": "ed25519",
        "signedPreKey": {
            "keyId": 1,
            "publicKey": base64_of(exchange),
            "signature": base64_of(signature),
        },
    }


def base64_of(value: bytes) -> str:
    return base64.b64encode(value).decode()

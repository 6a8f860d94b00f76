"""A core that listens to itself, and people who use it through one connection each."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from server.core.accounts import Accounts
from server.core.chat import Chat
from server.core.conversations import Conversations
from server.core.device_keys import DeviceKeys
from server.core.durable_messages import DurableMessages
from server.core.errors import AppError
from server.core.events import MessageSent, RoomEvent
from server.core.groups import Groups
from server.core.identities import Identities
from server.core.identity import User
from server.core.ids import ConnectionId, DeviceId, MessageId, Recipient, RoomId, UserId
from server.core.keys import KeySets
from server.core.kinds import RANDOM, SESSION, Policy
from server.core.limits import Bounds, Rates
from server.core.logins import LoginRules, Logins
from server.core.messages import Messages
from server.core.opaque import Opaque
from server.core.parts import Parts
from server.core.passwords import Passwords
from server.core.ports import GroupStore, RateLimiter, RoomStore
from server.core.presences import Presences
from server.core.queues import Queues
from server.core.recoveries import Recoveries
from server.core.relay import Relay
from server.core.revocations import Revocations
from server.core.rooms import Actor, Admission, JoinRequest, Rooms
from server.core.signins import SignIns
from server.core.tokens import TokenRules, Tokens
from server.core.user_events import UserEvent
from server.core.workspaces.attendance import Attendance
from server.core.workspaces.channels import Channels
from server.core.workspaces.events import WorkspaceEvent
from server.core.workspaces.files import Files
from server.core.workspaces.keys import KeyRing
from server.core.workspaces.posts import Posts
from server.core.workspaces.rotation import Rotation
from server.core.workspaces.standings import Standings
from server.core.workspaces.telling import Teller
from server.core.workspaces.vault import Vault
from server.core.workspaces.workspaces import Workspaces
from server.stores.files.disk import DiskBlobs
from server.stores.memory.broker import LocalBroker
from server.stores.memory.groups import MemoryGroups
from server.stores.memory.presences import MemoryPresences
from server.stores.memory.rates import MemoryRateLimiter
from server.stores.memory.recoveries import MemoryRecoveries
from server.stores.memory.rooms import MemoryRooms
from server.stores.memory.topics import LocalTopics
from server.stores.memory.user_broker import LocalUserBroker
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.conversations import SqlConversations, SqlMessages, leave_rooms
from server.stores.sql.database import Database
from server.stores.sql.device_keys import SqlDeviceKeys, leave_keys
from server.stores.sql.identities import SqlIdentities
from server.stores.sql.queues import SqlQueues
from server.stores.sql.sqlite import IN_MEMORY, SQLite
from server.stores.sql.workspaces import SqlChannels, SqlPosts, SqlWorkspaces
from server.stores.sql.workspaces.files import SqlFiles
from server.stores.sql.workspaces.keys import SqlKeys
from tests.clocks import ManualClock
from tests.passwords import WEAK

TEA_ROOM = RoomId("tea-room")
PEPPER = b"pepper of the tests"
MASTER_KEY = bytes(range(32))
SIGNING_SECRET = b"signing secret of the tests, 32+"

PASSWORD_THREADS = ThreadPoolExecutor(2)


def account(name: str) -> User:
    """Somebody with an account, on the first device of it."""
    return User(
        user_id=UserId(name), login=name, expires_ms=None, device_id=DeviceId(f"{name}-phone")
    )


class Core:
    """The core as one process has it.

    Attributes:
        heard: Every event that it has published, in order.
    """

    def __init__(
        self,
        clock: ManualClock,
        *,
        store: RoomStore | None = None,
        groups: GroupStore | None = None,
        limiter: RateLimiter | None = None,
        policy: Policy = SESSION,
        bounds: Bounds | None = None,
        rates: Rates | None = None,
        pepper: bytes = PEPPER,
        rules: TokenRules | None = None,
        key_sets: KeySets | None = None,
        login_rules: LoginRules | None = None,
        database: Database | None = None,
        master_keys: Sequence[bytes] = (MASTER_KEY,),
    ) -> None:
        bounds = bounds or Bounds()
        broker = LocalBroker(clock)
        self.clock = clock
        self.heard: list[RoomEvent] = []
        self.users = LocalUserBroker()
        broker.subscribe(lambda event, place: self.heard.append(event))
        self.store = store or MemoryRooms(bounds)
        self.recoveries = Recoveries(MemoryRecoveries(1_000), clock, 120_000)
        parts = self.parts = Parts(
            recoveries=self.recoveries,
            store=self.store,
            groups=groups or MemoryGroups(RANDOM, bounds),
            relay=Relay(broker),
            users=self.users,
            limiter=limiter or MemoryRateLimiter(),
            clock=clock,
            bounds=bounds,
            rates=rates or Rates(),
        )
        self.rooms = Rooms(parts, policy, pepper)
        self.messages = Messages(parts)
        self.groups = Groups(parts, RANDOM, pepper)
        self.database = database or SQLite(IN_MEMORY)  # for tests that start it
        accounts = SqlAccounts(self.database, [leave_keys, leave_rooms])
        passwords = Passwords(PASSWORD_THREADS, WEAK)
        self.tokens = Tokens(parts, SIGNING_SECRET, rules, key_sets, accounts)
        self.logins = Logins(parts, accounts, self.tokens, passwords, pepper, login_rules)
        self.sign_ins = SignIns(clock)
        self.sign_ins.watch(self.groups)
        self.socket_sign_ins = SignIns(clock)
        messages = SqlMessages(self.database, bounds)
        channels = SqlChannels(self.database, bounds)
        teller = Teller(self.tell, self.tell_workspace, channels)
        self.conversations = Conversations(parts, SqlConversations(self.database, bounds), teller)
        self.revocations = Revocations(accounts, parts.users, clock)
        self.accounts = Accounts(parts, accounts, passwords, self.conversations)
        self.device_keys = DeviceKeys(
            parts,
            SqlDeviceKeys(self.database),
            self.logins,
            self.conversations.acquaintances,
        )
        vault = Vault(KeyRing(master_keys))
        self.workspaces = Workspaces(parts, SqlWorkspaces(self.database, bounds), vault, teller)
        self.channels = Channels(parts, channels, self.workspaces, vault, teller)
        self.posts = Posts(
            parts, SqlPosts(self.database, bounds), messages, self.channels, vault, teller, None
        )
        self.rotation = Rotation(parts, SqlKeys(self.database), vault)
        topics, enter = LocalTopics(), self.workspaces.enter
        members = SqlWorkspaces(self.database, bounds)
        standings = Standings(parts, members, MemoryPresences(), topics, enter, 3_000)
        self.chat = Chat(
            rooms=self.rooms,
            messages=self.messages,
            groups=self.groups,
            tokens=self.tokens,
            sign_ins=self.sign_ins,
            chat_sign_ins=SignIns(self.clock),
            socket_sign_ins=self.socket_sign_ins,
            presences=Presences(parts, MemoryPresences(), self.conversations.acquaintances, 3_000),
            revocations=self.revocations,
            recoveries=self.recoveries,
            accounts=self.accounts,
            logins=self.logins,
            device_keys=self.device_keys,
            conversations=self.conversations,
            mail=DurableMessages(parts, messages, teller, None),
            identities=Identities(
                parts,
                SqlIdentities(self.database, bounds),
                self.logins,
                None,
                self.groups.key_of,
            ),
            queues=Queues(parts, SqlQueues(self.database, bounds), self.tell),
            workspaces=self.workspaces,
            channels=self.channels,
            posts=self.posts,
            attendance=Attendance(
                parts,
                channels,
                SqlPosts(self.database, bounds),
                topics,
                self.workspaces.enter,
                standings,
            ),
            standings=standings,
            files=Files(
                parts,
                SqlFiles(self.database, bounds),
                DiskBlobs(Path("/nowhere")),
                self.workspaces,
                vault,
            ),
            rotation=self.rotation,
        )
        self.told: list[UserEvent] = []
        self.told_workspaces: list[WorkspaceEvent] = []
        self._numbers = itertools.count(1)

    async def tell(self, event: UserEvent) -> None:
        """Note what users are told."""
        self.told.append(event)

    async def tell_workspace(self, event: WorkspaceEvent) -> None:
        """Note what workspaces are told."""
        self.told_workspaces.append(event)

    def visitor(self, user_id: str, room_id: str = TEA_ROOM, address: str = "home") -> "Visitor":
        return Visitor(self, UserId(user_id), RoomId(room_id), address, next(self._numbers))

    def heard_of(self, kind: type[RoomEvent]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]


class Visitor:
    """Somebody with one connection.

    Attributes:
        member_token: As the last join answered it.
    """

    def __init__(
        self, core: Core, user_id: UserId, room_id: RoomId, address: str, number: int
    ) -> None:
        self._core = core
        self._address = address
        self.connection_id = ConnectionId(f"connection-{number}")
        self.actor = Actor(room_id, user_id, self.connection_id)
        self.member_token: str | None = None

    def elsewhere(self, address: str = "home") -> "Visitor":
        """The same person with a new connection, and with nothing to prove it."""
        return self._core.visitor(self.actor.user_id, self.actor.room_id, address)

    async def join(
        self,
        key: str | None = None,
        *,
        as_creator: bool = False,
        name: str | None = None,
        public_key: object = None,
        member_token: str | None = None,
        since_seq: int = 0,
    ) -> Admission:
        admission = await self._core.rooms.join(
            self._address,
            self.connection_id,
            JoinRequest(
                room_id=self.actor.room_id,
                user_id=self.actor.user_id,
                key=key,
                as_creator=as_creator,
                name=name,
                public_key=None if public_key is None else Opaque(public_key),
                member_token=member_token,
                since_seq=since_seq,
            ),
        )
        self.member_token = admission.member_token
        return admission

    async def say(
        self, ciphertext: object = "hello", *, to: str | None = None, message_id: str | None = None
    ) -> MessageSent:
        return await self._core.messages.send(
            self.actor,
            Opaque(ciphertext),
            to=None if to is None else Recipient(to),
            is_broadcast=to is None,
            content_type="text",
            message_id=None if message_id is None else MessageId(message_id),
        )

    async def signal(self, ciphertext: object = "now", *, to: str | None = None) -> None:
        await self._core.messages.signal(
            self.actor,
            Opaque(ciphertext),
            to=None if to is None else Recipient(to),
            is_broadcast=to is None,
        )

    async def type(self, is_typing: bool = True) -> None:
        await self._core.messages.set_typing(self.actor, is_typing)

    async def leave(self) -> None:
        await self._core.rooms.leave(self.actor.room_id, self.connection_id)


async def refused(doing: Any) -> AppError:
    """The refusal of something that must be refused."""
    try:
        await doing
    except AppError as error:
        return error
    raise AssertionError("it was not refused")

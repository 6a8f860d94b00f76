"""The core, put together on its stores."""

import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from server.core.accounts import Accounts
from server.core.chat import Chat
from server.core.clock import Clock
from server.core.conversations import Conversations
from server.core.device_keys import DeviceKeys
from server.core.durable_messages import DurableMessages
from server.core.groups import Groups
from server.core.identities import Identities
from server.core.keys import KeySets
from server.core.logins import Logins
from server.core.messages import Messages
from server.core.oidc import IdTokens
from server.core.parts import Parts
from server.core.passwords import Passwords, Strength
from server.core.ports.files import Blobs
from server.core.presences import Presences
from server.core.queues import Queues
from server.core.recoveries import DOUBT_MS, Recoveries
from server.core.relay import Relay
from server.core.revocations import Revocations
from server.core.rooms import Rooms
from server.core.signins import SignIns, Watcher
from server.core.tokens import IdentityTokens, Tokens
from server.core.workspaces.attendance import Attendance
from server.core.workspaces.channels import Channels
from server.core.workspaces.files import Files
from server.core.workspaces.keys import KeyRing
from server.core.workspaces.posts import Posts
from server.core.workspaces.rotation import Rotation
from server.core.workspaces.standings import Standings
from server.core.workspaces.telling import Teller
from server.core.workspaces.vault import Vault
from server.core.workspaces.workspaces import Workspaces
from server.settings import Settings
from server.stores.durable import Durable
from server.stores.files.access import S3Access
from server.stores.files.opening import open_blobs
from server.stores.live import Live

PASSWORD_THREADS = 2
"""Passwords that are hashed at the same time, with 64 MiB each."""


class Assembly:
    """Puts the core together, once.

    Args:
        secret: At least 256 bits of this installation.
        keys: Of a foreign issuer of tokens; None if the settings name none.
        id_keys: The same of identity tokens.
        accepted: Told of each message that this process accepted.
        strength: Of hashed passwords; the usual if it is not said.

    Attributes:
        chat: The core.
    """

    def __init__(
        self,
        settings: Settings,
        secret: str,
        live: Live,
        durable: Durable,
        keys: KeySets | None,
        id_keys: KeySets | None,
        clock: Clock,
        accepted: Callable[[], None],
        strength: Strength | None = None,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._live = live
        self._durable = durable
        self._keys = keys
        self._id_tokens = self._make_id_tokens(id_keys)
        self._clock = clock
        self._password_threads = ThreadPoolExecutor(PASSWORD_THREADS, "password")
        self._passwords = Passwords(self._password_threads, strength)
        self._parts = self._make_parts(accepted)
        self.chat = self._make_chat()

    def close(self) -> None:
        """Hash no more passwords."""
        self._password_threads.shutdown(wait=False, cancel_futures=True)

    def _make_parts(self, accepted: Callable[[], None]) -> Parts:
        settings, live = self._settings, self._live
        doubt_ms = round((settings.ping_interval_s + settings.ping_timeout_s) * 1000) + DOUBT_MS
        return Parts(
            store=live.rooms,
            groups=live.groups,
            relay=Relay(live.broker, accepted),
            users=live.user_broker,
            recoveries=Recoveries(live.recoveries, self._clock, settings.recovery_ms, doubt_ms),
            limiter=live.limiter,
            clock=self._clock,
            bounds=settings.bounds,
            rates=settings.rates,
        )

    def _make_chat(self) -> Chat:
        parts, settings, durable = self._parts, self._settings, self._durable
        publish = parts.users.publish
        groups = Groups(parts, settings.random, self._derived(b"hushwire addresses"))
        tokens = self._make_tokens()
        logins = self._make_logins(tokens)
        teller = Teller(publish, self._live.topics.publish, durable.channels)
        conversations = Conversations(parts, durable.conversations, teller)
        vault = self._make_vault()
        workspaces = Workspaces(parts, durable.workspaces, vault, teller)
        channels = Channels(
            parts,
            durable.channels,
            workspaces,
            vault,
            teller,
            must_be_opaque=settings.require_encryption,
        )
        presences = Presences(
            parts,
            self._live.presences,
            conversations.acquaintances,
            settings.random.grace_ms,
        )
        topics, grace_ms = self._live.topics, settings.random.grace_ms
        standings = Standings(
            parts,
            durable.workspaces,
            self._live.workspace_presences,
            topics,
            workspaces.enter,
            grace_ms,
        )
        attendance = Attendance(
            parts, durable.channels, durable.posts, topics, workspaces.enter, standings
        )
        revocations = Revocations(durable.accounts, parts.users, self._clock)
        sign_ins = self._sign_ins_of(revocations, groups)
        chat_sign_ins = self._sign_ins_of(revocations)
        for book in (sign_ins, chat_sign_ins):
            attendance.watch(book)
        return Chat(
            rooms=Rooms(parts, settings.session, self._derived(b"hushwire room keys")),
            messages=Messages(parts),
            groups=groups,
            tokens=tokens,
            sign_ins=sign_ins,
            chat_sign_ins=chat_sign_ins,
            socket_sign_ins=self._sign_ins_of(revocations, presences),
            revocations=revocations,
            recoveries=parts.recoveries,
            accounts=Accounts(
                parts, durable.accounts, self._passwords, conversations, self._identities()
            ),
            logins=logins,
            device_keys=DeviceKeys(parts, durable.device_keys, logins, conversations.acquaintances),
            conversations=conversations,
            presences=presences,
            identities=Identities(
                parts, durable.identities, logins, self._id_tokens, groups.key_of
            ),
            queues=Queues(parts, durable.queues, publish),
            mail=DurableMessages(parts, durable.messages, teller, settings.message_ttl_ms),
            workspaces=workspaces,
            channels=channels,
            attendance=attendance,
            standings=standings,
            posts=Posts(
                parts,
                durable.posts,
                durable.messages,
                channels,
                vault,
                teller,
                settings.message_ttl_ms,
            ),
            files=Files(parts, durable.files, self._make_blobs(), workspaces, vault),
            rotation=Rotation(parts, durable.workspace_keys, vault),
        )

    def _make_vault(self) -> Vault:
        keys = self._settings.master_keys or (self._derived(b"hushwire master key"),)
        return Vault(KeyRing(keys))

    def _make_blobs(self) -> Blobs:
        settings = self._settings
        access = settings.files_url and S3Access(
            settings.files_url,
            settings.s3_endpoint,
            settings.s3_region,
            settings.s3_access_key,
            settings.s3_secret_key,
        )
        return open_blobs(access or None, settings.data_dir)

    def _make_tokens(self) -> Tokens:
        settings = self._settings
        signing = settings.jwt_secret or self._derived(b"hushwire tokens").hex()
        rules, sessions = settings.token_rules, self._durable.accounts
        identities = self._identities()
        return Tokens(self._parts, signing.encode(), rules, self._keys, sessions, identities)

    def _identities(self) -> IdentityTokens | None:
        known = self._durable.identities
        return IdentityTokens(self._id_tokens, known) if self._id_tokens else None

    def _make_id_tokens(self, keys: KeySets | None) -> IdTokens | None:
        rules = self._settings.oidc_rules
        return IdTokens(rules, keys) if rules and keys else None

    def _make_logins(self, tokens: Tokens) -> Logins:
        return Logins(
            self._parts,
            self._durable.accounts,
            tokens,
            self._passwords,
            self._derived(b"hushwire logins"),
            self._settings.login_rules,
        )

    def _sign_ins_of(self, revocations: Revocations, *watchers: Watcher) -> SignIns:
        sign_ins = SignIns(self._clock)
        revocations.watch(sign_ins)  # first: whoever is signed out is not there for the others
        for watcher in watchers:
            sign_ins.watch(watcher)
        return sign_ins

    def _derived(self, purpose: bytes) -> bytes:
        return derived(self._secret, purpose)


def derived(secret: str, purpose: bytes) -> bytes:
    """A secret for one purpose, by which the others cannot be found."""
    return hmac.digest(secret.encode(), purpose, hashlib.sha256)

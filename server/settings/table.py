"""Every setting there is, in the order in which `.env.example` has them."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from server.core.kinds import SESSION
from server.core.limits import Bounds, Rate, Rates
from server.settings.values import (
    admin_claim,
    claim_text,
    database_url,
    file,
    files_url,
    folder,
    host,
    https_url,
    master_keys,
    node_url,
    origins,
    proxies,
    redis_url,
    seconds,
    secret_text,
    signing_secret,
    switch,
    token,
    token_types,
    whole,
    workers,
)


class Setting(Struct, frozen=True):
    """One line of `.env`.

    Attributes:
        default: As it would be written; empty for none.
        parse: Makes the value, or raises ValueError with what it must be.
    """

    name: str
    default: str
    parse: Callable[[str], Any]
    summary: str
    is_secret: bool = False


_COUNT = whole(1, 10_000_000)
_PER_MINUTE = whole(1, 1_000_000)

# The defaults stand in the core, which runs without settings as well.
_BOUNDS = Bounds()
_RATES = Rates()


def _per_minute(rate: Rate | None) -> str:
    return str(rate.per_minute) if rate else ""


TABLE: tuple[Setting, ...] = (
    Setting("HOST", "127.0.0.1", host, "Address to listen on; 0.0.0.0 for all"),
    Setting("PORT", "3001", whole(0, 65_535), "TCP port; 0 for any free one"),
    Setting(
        "CLIENT_URL",
        "http://localhost:5173",
        origins,
        "Origins of front ends that may use the server, separated by commas; * for any",
    ),
    Setting(
        "DATA_DIR", "./data", folder, "Folder for secrets and the database; made with mode 0700"
    ),
    Setting(
        "TLS_CERT",
        "",
        file,
        "Certificate chain in PEM, to speak HTTPS without a proxy; with TLS_KEY",
    ),
    Setting("TLS_KEY", "", file, "The certificate's key in PEM, without a passphrase"),
    Setting(
        "WORKERS",
        "1",
        workers,
        "Processes that share the port: a number, or auto for one a core; more than 1 need "
        "REDIS_URL, or redis-server or valkey-server on this machine",
    ),
    Setting(
        "NODE_URL",
        "",
        node_url,
        "Where other machines with the same REDIS_URL reach this one, such as "
        "http://node3.example:3001, for requests that a balancer has sent to the wrong one",
    ),
    Setting(
        "DRAIN_S",
        "10",
        seconds(0, 300),
        "Seconds in which SIGTERM ends the server and sends its clients elsewhere; 0: at once",
    ),
    Setting("DEBUG", "false", switch, "Verbose logs; /sessions without token on this machine"),
    Setting(
        "ADMIN_TOKEN",
        "",
        token,
        "The operators' token; made and kept in DATA_DIR if empty",
        is_secret=True,
    ),
    Setting(
        "REDIS_URL",
        "",
        redis_url,
        "Redis that many processes share for live state: redis://, rediss://, unix:// or "
        "redis+sentinel://; in memory if empty",
        is_secret=True,
    ),
    Setting(
        "DATABASE_URL",
        "",
        database_url,
        "Where what lasts is kept: postgresql://, or sqlite:///path; a file in DATA_DIR if empty",
        is_secret=True,
    ),
    Setting(
        "FILES_URL",
        "",
        files_url,
        "Where files of workspaces are kept: s3://bucket/prefix, for several machines; the folder "
        "`files` in DATA_DIR if empty",
    ),
    Setting(
        "S3_ENDPOINT",
        "",
        https_url,
        "Where that bucket is, such as https://s3.example; as S3_REGION says if empty",
    ),
    Setting("S3_REGION", "", claim_text, "The bucket's region, such as eu-central-1"),
    Setting("S3_ACCESS_KEY", "", secret_text, "Who reads and writes the bucket", is_secret=True),
    Setting("S3_SECRET_KEY", "", secret_text, "The secret of that key", is_secret=True),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        proxies,
        "Proxies whose X-Forwarded-* headers to believe: how many, or their networks",
    ),
    Setting(
        "RATE_LIMITS",
        "on",
        switch,
        "off lifts all rates but sign-in's, and the bound on connections of an address, for "
        "benchmarks",
    ),
    Setting(
        "GUESTS",
        "true",
        switch,
        "Whether anybody may get a token for a pseudonym, good for a day",
    ),
    Setting(
        "REQUIRE_REGISTRATION_TOKEN",
        "false",
        switch,
        "Whether keys of a device are registered only with the token or cookie of its login, "
        "and not by whoever comes from its address",
    ),
    Setting(
        "JWT_SECRET",
        "",
        signing_secret,
        "Signs tokens (HS256); another system that has it, too, can sign in its users here; "
        "made and kept in DATA_DIR if empty",
        is_secret=True,
    ),
    Setting(
        "MASTER_KEY",
        "",
        master_keys,
        "32 bytes in base64 under which the keys of workspaces are kept; older ones may follow, "
        "separated by commas; made and kept in DATA_DIR if empty, unless machines share Redis or "
        "a database",
        is_secret=True,
    ),
    Setting(
        "REQUIRE_ENCRYPTION",
        "false",
        switch,
        "Whether conversations of workspaces are end-to-end encrypted or not made",
    ),
    Setting(
        "JWT_JWKS_URL",
        "",
        https_url,
        "Where an issuer publishes its keys (RS256, ES256, EdDSA), to accept its tokens; "
        "with JWT_ISSUER and JWT_AUDIENCE",
    ),
    Setting("JWT_ISSUER", "", claim_text, "The issuer that those tokens name (`iss`)"),
    Setting(
        "JWT_AUDIENCE",
        "",
        claim_text,
        "The audience that they are for (`aud`); also of tokens by JWT_SECRET that name one",
    ),
    Setting(
        "JWT_TYPES",
        "",
        token_types,
        "What tokens of other systems that sign in are called (`typ`, `type`, `token_use`, "
        "`purpose`), comma-separated, besides access, bearer, jwt, user and the like",
    ),
    Setting(
        "GOOGLE_CLIENT_ID",
        "",
        claim_text,
        "The OAuth client for which Google, or GOOGLE_ISSUER, makes identity tokens (`aud`); with "
        "them people register at the event queue; nobody does if empty",
    ),
    Setting(
        "GOOGLE_ISSUER",
        "https://accounts.google.com",
        https_url,
        "The issuer of those tokens (`iss`): any of OpenID Connect",
    ),
    Setting(
        "GOOGLE_CERTS_URL",
        "",
        https_url,
        "Where that issuer publishes its keys; if empty, its `/.well-known/openid-configuration` "
        "says it",
    ),
    Setting(
        "ADMIN_CLAIM",
        "",
        admin_claim,
        "Whose users of other systems are operators: name=value if the claim is the value or a "
        "list with it, name if it is true; dots lead into objects",
    ),
    Setting(
        "SESSION_IDLE_MINUTES",
        str(SESSION.idle_limit_ms // 60_000),
        whole(1, 10_080),
        "A session ends after so long without use",
    ),
    Setting(
        "MESSAGE_TTL_DAYS",
        "0",
        whole(0, 36_500),
        "Days for which messages of secure chat are kept, where their room does not say; 0 is "
        "for ever",
    ),
    Setting(
        "RECONNECT_GRACE_S",
        f"{SESSION.grace_ms / 1000:g}",
        seconds(0, 120),
        "Seconds for which a member without connection stays a member",
    ),
    Setting(
        "RECOVERY_S",
        "120",
        seconds(0, 3_600),
        "Seconds after a drop for which a client of socket.io 4.6 or later is restored; 0 is never",
    ),
    Setting("MAX_SESSIONS", str(_BOUNDS.rooms), _COUNT, "Sessions at the same time"),
    Setting("MAX_GROUPS", str(_BOUNDS.groups), _COUNT, "Random groups at the same time"),
    Setting(
        "MAX_USERS",
        str(_BOUNDS.users),
        _COUNT,
        "Users whose key and blocks are remembered after their random group",
    ),
    Setting(
        "MAX_SESSION_MEMBERS", str(SESSION.capacity), whole(2, 10_000), "Members of one session"
    ),
    Setting(
        "MAX_CONNECTION_SESSIONS",
        str(_BOUNDS.rooms_per_connection),
        whole(1, 1_000),
        "Sessions that one connection may join",
    ),
    Setting(
        "MAX_SESSION_HISTORY_MESSAGES",
        str(SESSION.history_messages),
        whole(1, 100_000),
        "Messages kept of one session",
    ),
    Setting(
        "MAX_SESSION_HISTORY_BYTES",
        str(SESSION.history_bytes),
        whole(1024, 1 << 34),
        "Bytes of messages kept of one session",
    ),
    Setting(
        "MAX_ROOM_MEMBERS",
        str(_BOUNDS.room_members),
        whole(2, 10_000),
        "Members of one group or channel that lasts",
    ),
    Setting(
        "MAX_TOTAL_BYTES",
        str(_BOUNDS.total_bytes),
        whole(1024, 1 << 44),
        "Bytes of messages and public keys kept of all sessions and random groups",
    ),
    Setting(
        "MAX_ACCOUNT_BYTES",
        str(_BOUNDS.account_bytes),
        whole(65_536, 1 << 50),
        "Bytes of messages kept of one account",
    ),
    Setting(
        "MAX_FILE_BYTES",
        str(_BOUNDS.file_bytes),
        whole(1024, 1 << 40),
        "Bytes of one file in a conversation of a workspace",
    ),
    Setting(
        "MAX_WORKSPACE_FILE_BYTES",
        str(_BOUNDS.workspace_file_bytes),
        whole(1024, 1 << 50),
        "Bytes of all files of one workspace",
    ),
    Setting(
        "MAX_QUEUE_EVENTS",
        str(_BOUNDS.queue_events),
        _COUNT,
        "Events that wait for one device",
    ),
    Setting(
        "MAX_QUEUE_EVENTS_OF_SENDER",
        str(_BOUNDS.queue_events_of_sender),
        _COUNT,
        "The same of one sender",
    ),
    Setting(
        "MAX_QUEUE_ROTATIONS",
        str(_BOUNDS.queue_rotations),
        _COUNT,
        "Places of a queue beyond these, for KEY_ROTATION",
    ),
    Setting(
        "MAX_CIPHERTEXT_BYTES",
        str(_BOUNDS.ciphertext_bytes),
        whole(1024, 1 << 26),
        "Bytes of one message's ciphertext",
    ),
    Setting(
        "MAX_PUBLIC_KEY_BYTES",
        str(_BOUNDS.public_key_bytes),
        whole(256, 1 << 20),
        "Bytes of one member's public key",
    ),
    Setting(
        "MAX_ID_CHARS",
        str(_BOUNDS.id_chars),
        whole(16, 1_024),
        "Characters of an id that clients choose",
    ),
    Setting(
        "MAX_NAME_CHARS",
        str(_BOUNDS.name_chars),
        whole(16, 4_096),
        "Characters of a display name or a file name",
    ),
    Setting(
        "MAX_KEY_CHARS",
        str(_BOUNDS.key_chars),
        whole(16, 4_096),
        "Characters of a session's auth key",
    ),
    Setting(
        "MAX_PAYLOAD_BYTES",
        "1000000",
        whole(4_096, 1 << 27),
        "Bytes of one WebSocket message or polling request",
    ),
    Setting(
        "MAX_UNSENT_BYTES",
        str(1 << 20),
        whole(65_536, 1 << 30),
        "Bytes that wait for a slow reader before it is cut off; two messages at least",
    ),
    Setting("MAX_CONNECTIONS", "20000", _COUNT, "TCP connections at the same time"),
    Setting("MAX_ADDRESS_CONNECTIONS", "500", _COUNT, "Socket.IO connections of one address"),
    Setting(
        "ADDRESS_CONNECTS_PER_MINUTE",
        _per_minute(_RATES.connect),
        _PER_MINUTE,
        "New connections of one address",
    ),
    Setting(
        "ADDRESS_RESERVES_PER_MINUTE",
        _per_minute(_RATES.reserve),
        _PER_MINUTE,
        "Reservations from one address",
    ),
    Setting(
        "ADDRESS_JOINS_PER_MINUTE", _per_minute(_RATES.join), _PER_MINUTE, "Joins from one address"
    ),
    Setting(
        "ADDRESS_GUESTS_PER_MINUTE",
        _per_minute(_RATES.guest),
        _PER_MINUTE,
        "Guests' tokens given to one address",
    ),
    Setting(
        "MEMBER_SENDS_PER_MINUTE",
        _per_minute(_RATES.send),
        _PER_MINUTE,
        "Messages, signals and notices of downloads of one member",
    ),
    Setting(
        "USER_MATCHES_PER_MINUTE",
        _per_minute(_RATES.match),
        _PER_MINUTE,
        "Random groups that one user joins",
    ),
    Setting(
        "USER_LOOKUPS_PER_MINUTE",
        _per_minute(_RATES.lookup),
        _PER_MINUTE,
        "Public keys of others that one user asks for",
    ),
    Setting(
        "USER_FILES_PER_MINUTE",
        _per_minute(_RATES.files),
        _PER_MINUTE,
        "Files that one user uploads",
    ),
    Setting(
        "USER_REPORTS_PER_MINUTE",
        _per_minute(_RATES.report),
        _PER_MINUTE,
        "Reports by one user",
    ),
    Setting(
        "ADDRESS_REPORTS_PER_MINUTE",
        _per_minute(_RATES.address_report),
        _PER_MINUTE,
        "Reports from one address",
    ),
    Setting(
        "ADDRESS_SIGNUPS_PER_MINUTE",
        _per_minute(_RATES.sign_up),
        _PER_MINUTE,
        "Accounts made from one address",
    ),
    Setting(
        "ADDRESS_SIGNINS_PER_MINUTE",
        _per_minute(_RATES.address_sign_in),
        _PER_MINUTE,
        "Tries to sign in from one address",
    ),
    Setting(
        "ACCOUNT_SIGNINS_PER_MINUTE",
        _per_minute(_RATES.account_sign_in),
        _PER_MINUTE,
        "Tries to sign in to one account from addresses that it does not know",
    ),
    Setting(
        "CONNECTION_EVENTS_PER_MINUTE",
        _per_minute(_RATES.events),
        _PER_MINUTE,
        "Events of one connection; requests of one user over HTTP",
    ),
    Setting("PING_INTERVAL_S", "25", seconds(0.1, 300), "Seconds between two pings"),
    Setting(
        "PING_TIMEOUT_S", "20", seconds(0.1, 300), "Seconds after a ping until a client is gone"
    ),
)

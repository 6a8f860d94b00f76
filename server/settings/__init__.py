"""Settings from the environment and `.env`: read once, checked all together, then frozen."""

import ssl
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from server.core.kinds import RANDOM, Policy
from server.core.limits import Bounds, Rates, even
from server.core.logins import LoginRules
from server.core.oidc import OidcRules
from server.core.tokens import OURS, TokenRules
from server.settings import foreign, tls
from server.settings.foreign import ALIASES, UNUSED
from server.settings.table import TABLE
from server.settings.values import MasterKeys, Secret, is_elsewhere

GOOGLE = "https://accounts.google.com"

STORES = ("REDIS_URL", "DATABASE_URL")
"""What several processes may share."""

SHARED = {
    "JWT_SECRET": "",
    "ADMIN_TOKEN": "",
    "MASTER_KEY": ": what DATA_DIR/master-key has if that file is there, else what "
    "`openssl rand -base64 32` prints, and keep a copy elsewhere",
}
"""Secrets that processes have in common wherever they share what they keep; the way to get one."""


class Settings(Struct, frozen=True, kw_only=True):
    """How one server runs; `TABLE` says what each value is for."""

    host: str
    port: int
    origins: frozenset[str]
    data_dir: Path
    tls_cert: Path | None
    tls_key: Path | None
    workers: int
    node_url: str | None
    drain_s: float
    debug: bool
    admin_token: Secret | None
    jwt_secret: Secret | None
    master_keys: MasterKeys
    require_encryption: bool
    files_url: str | None
    s3_endpoint: str | None
    s3_region: str | None
    s3_access_key: Secret | None
    s3_secret_key: Secret | None
    redis_url: Secret | None
    database_url: Secret | None
    jwks_url: str | None
    token_rules: TokenRules
    oidc_rules: OidcRules | None
    oidc_keys_url: str | None
    login_rules: LoginRules
    trusted_hops: int
    trusted_networks: tuple[IPv4Network | IPv6Network, ...]
    session: Policy
    random: Policy
    bounds: Bounds
    rates: Rates
    max_payload_bytes: int
    max_unsent_bytes: int
    max_connections: int
    max_address_connections: int | None
    message_ttl_ms: int | None
    recovery_ms: int
    ping_interval_s: float
    ping_timeout_s: float
    warnings: tuple[str, ...] = ()

    def tls_context(self) -> ssl.SSLContext | None:
        """For listeners; None if this server speaks plain HTTP."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return tls.context(self.tls_cert, self.tls_key)


class SettingsError(Exception):
    """One or more settings cannot work; the text has a line for each, with the way out."""


def load(environment: Mapping[str, str]) -> Settings:
    """Make the settings from the environment, with `.env` already merged into it.

    Raises:
        SettingsError: With every problem there is, so that one look is enough.
    """
    environment = _with_aliases(environment)
    problems: list[str] = []
    values: dict[str, Any] = {}
    for setting in TABLE:
        text = environment.get(setting.name, "").strip() or setting.default
        try:
            values[setting.name] = setting.parse(text)
        except ValueError as error:
            shown = "the value given" if setting.is_secret else repr(text)
            problems.append(
                f"{setting.name}: {shown} {error}. {setting.summary}; "
                f"the default is {setting.default or 'empty'}."
            )
    problems += _contradictions(values)
    problems += _issuer_problems(values)
    problems += _sharing_problems(values)
    if "TLS_CERT" in values and "TLS_KEY" in values:
        use_tls = environment.get("USE_TLS", "")
        problems += tls.problems(values["TLS_CERT"], values["TLS_KEY"], use_tls)
    if problems:
        raise SettingsError("\n".join(problems))
    return _settings(values, tuple(_warnings(environment, values)))


def _with_aliases(environment: Mapping[str, str]) -> dict[str, str]:
    known = dict(environment)
    for alias, name in ALIASES.items():
        if environment.get(alias, "").strip() and not environment.get(name, "").strip():
            known[name] = environment[alias]
    if not known.get("REDIS_URL", "").strip():
        known["REDIS_URL"] = foreign.redis_url(environment)
    return known


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    # A message travels with a kilobyte of names and ids about it.
    pairs = (
        ("MAX_CIPHERTEXT_BYTES", "MAX_PAYLOAD_BYTES", 1024),
        ("MAX_CIPHERTEXT_BYTES", "MAX_SESSION_HISTORY_BYTES", 1024),
        ("MAX_SESSION_HISTORY_BYTES", "MAX_TOTAL_BYTES", 0),
    )
    return [
        f"{small}: {values[small]} is more than {large} ({values[large]})"
        + (f" less {room} for what goes with it" if room else "")
        + ". Lower the first or raise the second."
        for small, large, room in pairs
        if small in values and large in values and values[small] + room > values[large]
    ]


def _issuer_problems(values: Mapping[str, Any]) -> list[str]:
    missing = [name for name in ("JWT_ISSUER", "JWT_AUDIENCE") if values.get(name, "") is None]
    problems = [
        f"{name}: JWT_JWKS_URL is set, and tokens of that issuer are for everybody without it. "
        "Set it to what their claim says, or remove JWT_JWKS_URL."
        for name in missing
        if values.get("JWT_JWKS_URL")
    ]
    if values.get("JWT_ISSUER") == OURS:
        problems.append(f"JWT_ISSUER: {OURS!r} is this server's own name. Choose another.")
    return problems


def _sharing_problems(values: Mapping[str, Any]) -> list[str]:
    """What is made at the first start is another secret on each machine."""
    shared = next((name for name in STORES if values.get(name)), None)
    if shared is None or (shared == "DATABASE_URL" and _is_file(values[shared])):
        return []
    return [
        f"{name}: {shared} is set, and without this every process would make its own. Set it "
        f"to the same value for all of them{way_out}."
        for name, way_out in SHARED.items()
        if name in values and not values[name]
    ]


def _is_file(database_url: str) -> bool:
    return database_url.startswith("sqlite://")


def _warnings(environment: Mapping[str, str], values: Mapping[str, Any]) -> list[str]:
    warnings = [f"{name} is set and not used" for name in UNUSED if environment.get(name)]
    if not values["RATE_LIMITS"]:
        warnings.append("RATE_LIMITS is off: one client can use up the server")
    has_issuer = values["GOOGLE_ISSUER"] != GOOGLE or values["GOOGLE_CERTS_URL"]
    if has_issuer and not values["GOOGLE_CLIENT_ID"]:
        warnings.append("an issuer is set and GOOGLE_CLIENT_ID is not: nobody registers by it")
    if values["NODE_URL"] and not values["DATABASE_URL"]:
        warnings.append(
            "NODE_URL is set and DATABASE_URL is not: each machine has accounts of its own"
        )
    stores = {name: values[name] for name in STORES if values[name] and not _is_file(values[name])}
    elsewhere = [name for name, url in stores.items() if is_elsewhere(url)]
    if elsewhere and not values["FILES_URL"]:
        warnings.append(
            f"{elsewhere[0]} names another machine and FILES_URL is not set: if several use it, "
            "each has files of workspaces of its own, which members on the others do not find"
        )
    if "*" in values["CLIENT_URL"]:
        warnings.append("CLIENT_URL is *: any web page may use this server")
    return warnings


def _settings(values: Mapping[str, Any], warnings: tuple[str, ...]) -> Settings:
    hops, networks = values["TRUSTED_PROXIES"]
    limited = values["RATE_LIMITS"]
    return Settings(
        host=values["HOST"],
        port=values["PORT"],
        origins=values["CLIENT_URL"],
        data_dir=values["DATA_DIR"],
        tls_cert=values["TLS_CERT"],
        tls_key=values["TLS_KEY"],
        workers=values["WORKERS"],
        node_url=values["NODE_URL"],
        drain_s=values["DRAIN_S"],
        debug=values["DEBUG"],
        admin_token=values["ADMIN_TOKEN"],
        jwt_secret=values["JWT_SECRET"],
        master_keys=values["MASTER_KEY"],
        require_encryption=values["REQUIRE_ENCRYPTION"],
        files_url=values["FILES_URL"],
        s3_endpoint=values["S3_ENDPOINT"],
        s3_region=values["S3_REGION"],
        s3_access_key=values["S3_ACCESS_KEY"],
        s3_secret_key=values["S3_SECRET_KEY"],
        redis_url=values["REDIS_URL"],
        database_url=values["DATABASE_URL"],
        jwks_url=values["JWT_JWKS_URL"],
        token_rules=_token_rules(values),
        oidc_rules=_oidc_rules(values),
        oidc_keys_url=values["GOOGLE_CERTS_URL"],
        login_rules=LoginRules(require_registration_token=values["REQUIRE_REGISTRATION_TOKEN"]),
        trusted_hops=hops,
        trusted_networks=networks,
        session=_session_policy(values),
        random=_random_policy(values),
        bounds=_bounds(values),
        rates=_rates(values) if limited else _rates(values).lifted(),
        max_payload_bytes=values["MAX_PAYLOAD_BYTES"],
        max_unsent_bytes=max(values["MAX_UNSENT_BYTES"], _two_messages(values)),
        max_connections=values["MAX_CONNECTIONS"],
        max_address_connections=values["MAX_ADDRESS_CONNECTIONS"] if limited else None,
        message_ttl_ms=values["MESSAGE_TTL_DAYS"] * 86_400_000 or None,
        recovery_ms=round(values["RECOVERY_S"] * 1000),
        ping_interval_s=values["PING_INTERVAL_S"],
        ping_timeout_s=values["PING_TIMEOUT_S"],
        warnings=warnings,
    )


def _token_rules(values: Mapping[str, Any]) -> TokenRules:
    return TokenRules(
        issuer=values["JWT_ISSUER"],
        audience=values["JWT_AUDIENCE"],
        admin=values["ADMIN_CLAIM"],
        guests=values["GUESTS"],
        types=values["JWT_TYPES"],
    )


def _oidc_rules(values: Mapping[str, Any]) -> OidcRules | None:
    client_id, issuer = values["GOOGLE_CLIENT_ID"], values["GOOGLE_ISSUER"]
    if not client_id:
        return None
    bare = issuer.removeprefix("https://")  # Google's tokens say either
    return OidcRules(client_id=client_id, issuers=(issuer, bare) if issuer == GOOGLE else (issuer,))


def _two_messages(values: Mapping[str, Any]) -> int:
    """A reader that is behind by two of the largest messages is not slow."""
    # What comes in by one payload goes out by about as much: text in JSON, binary beside it.
    largest: int = values["MAX_PAYLOAD_BYTES"] + 4096
    return 2 * largest


def _session_policy(values: Mapping[str, Any]) -> Policy:
    return Policy(
        capacity=values["MAX_SESSION_MEMBERS"],
        idle_limit_ms=values["SESSION_IDLE_MINUTES"] * 60_000,
        grace_ms=round(values["RECONNECT_GRACE_S"] * 1000),
        history_messages=values["MAX_SESSION_HISTORY_MESSAGES"],
        history_bytes=values["MAX_SESSION_HISTORY_BYTES"],
    )


def _random_policy(values: Mapping[str, Any]) -> Policy:
    return structs.replace(
        RANDOM,
        idle_limit_ms=values["SESSION_IDLE_MINUTES"] * 60_000,
        grace_ms=round(values["RECONNECT_GRACE_S"] * 1000),
        history_messages=min(RANDOM.history_messages, values["MAX_SESSION_HISTORY_MESSAGES"]),
        history_bytes=max(RANDOM.history_bytes, values["MAX_CIPHERTEXT_BYTES"] + 4096),
    )


def _bounds(values: Mapping[str, Any]) -> Bounds:
    return Bounds(
        id_chars=values["MAX_ID_CHARS"],
        name_chars=values["MAX_NAME_CHARS"],
        key_chars=values["MAX_KEY_CHARS"],
        ciphertext_bytes=values["MAX_CIPHERTEXT_BYTES"],
        public_key_bytes=values["MAX_PUBLIC_KEY_BYTES"],
        rooms=values["MAX_SESSIONS"],
        rooms_per_connection=values["MAX_CONNECTION_SESSIONS"],
        groups=values["MAX_GROUPS"],
        users=values["MAX_USERS"],
        total_bytes=values["MAX_TOTAL_BYTES"],
        account_bytes=values["MAX_ACCOUNT_BYTES"],
        queue_events=values["MAX_QUEUE_EVENTS"],
        queue_events_of_sender=values["MAX_QUEUE_EVENTS_OF_SENDER"],
        queue_rotations=values["MAX_QUEUE_ROTATIONS"],
        room_members=values["MAX_ROOM_MEMBERS"],
        file_bytes=values["MAX_FILE_BYTES"],
        workspace_file_bytes=values["MAX_WORKSPACE_FILE_BYTES"],
    )


def _rates(values: Mapping[str, Any]) -> Rates:
    return Rates(
        reserve=even(values["ADDRESS_RESERVES_PER_MINUTE"]),
        join=even(values["ADDRESS_JOINS_PER_MINUTE"]),
        connect=even(values["ADDRESS_CONNECTS_PER_MINUTE"]),
        send=even(values["MEMBER_SENDS_PER_MINUTE"]),
        events=even(values["CONNECTION_EVENTS_PER_MINUTE"]),
        guest=even(values["ADDRESS_GUESTS_PER_MINUTE"]),
        match=even(values["USER_MATCHES_PER_MINUTE"]),
        lookup=even(values["USER_LOOKUPS_PER_MINUTE"]),
        files=even(values["USER_FILES_PER_MINUTE"]),
        report=even(values["USER_REPORTS_PER_MINUTE"]),
        address_report=even(values["ADDRESS_REPORTS_PER_MINUTE"]),
        sign_up=even(values["ADDRESS_SIGNUPS_PER_MINUTE"]),
        address_sign_in=even(values["ADDRESS_SIGNINS_PER_MINUTE"]),
        account_sign_in=even(values["ACCOUNT_SIGNINS_PER_MINUTE"]),
    )

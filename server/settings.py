"""Settings from the environment and `.env`: read once, checked all together, then frozen."""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from msgspec import Struct

from server.core.kinds import SESSION, Policy
from server.core.limits import Bounds, Rate, Rates, even


class Secret(str):
    """Text that is not shown where settings are printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


class Settings(Struct, frozen=True, kw_only=True):
    """How one server runs; `TABLE` says what each value is for."""

    host: str
    port: int
    origins: frozenset[str]
    data_dir: Path
    debug: bool
    admin_token: Secret | None
    trusted_hops: int
    trusted_networks: tuple[IPv4Network | IPv6Network, ...]
    session: Policy
    bounds: Bounds
    rates: Rates
    max_payload_bytes: int
    max_connections: int
    max_address_connections: int | None
    ping_interval_s: float
    ping_timeout_s: float
    warnings: tuple[str, ...] = ()


class SettingsError(Exception):
    """One or more settings cannot work; the text has a line for each, with the way out."""


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


# --- what values may be ---


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not low <= float(text) <= high:
            raise ValueError(f"must be a number from {low:g} to {high:g}")
        return float(text)

    return parse


def _switch(text: str) -> bool:
    words = {"true": True, "on": True, "yes": True, "1": True}
    words |= {"false": False, "off": False, "no": False, "0": False, "": False}
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise ValueError("must be an address such as 127.0.0.1, 0.0.0.0 or ::")
    return text


_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@:*,]+)(?::([0-9]{1,5}))?")
_USUAL_PORT = {"http": "80", "https": "443"}


def _origins(text: str) -> frozenset[str]:
    parts = [part.strip().rstrip("/").lower() for part in text.split(",") if part.strip()]
    return frozenset(part if part == "*" else _origin(part) for part in parts)


def _origin(text: str) -> str:
    """An origin as browsers write it: without the port that goes without saying."""
    found = _ORIGIN.fullmatch(text)
    if not found or (found[3] and not 0 < int(found[3]) < 65_536):
        raise ValueError("must be origins such as https://app.example, separated by commas, or *")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != _USUAL_PORT.get(scheme) else "")


def _folder(text: str) -> Path:
    try:
        path = Path(text).expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError):
        raise ValueError("must be a folder that can be") from None
    if is_file:
        raise ValueError("must be a folder")
    return path


def _token(text: str) -> Secret | None:
    if text and (len(text) < 16 or not text.isascii() or not text.isprintable() or " " in text):
        raise ValueError("must have at least 16 printable ASCII characters without spaces")
    return Secret(text) if text else None


def _proxies(text: str) -> tuple[int, tuple[IPv4Network | IPv6Network, ...]]:
    if re.fullmatch(r"[0-9]", text):
        return int(text), ()
    try:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return 0, tuple(ip_network(part, strict=False) for part in parts)
    except ValueError:
        raise ValueError("must be a number of proxies (0 to 9), or networks in CIDR form") from None


# --- every setting ---

_COUNT = _whole(1, 10_000_000)
_PER_MINUTE = _whole(1, 1_000_000)

# The defaults stand in the core, which runs without settings as well.
_BOUNDS = Bounds()
_RATES = Rates()


def _per_minute(rate: Rate | None) -> str:
    return str(rate.per_minute) if rate else ""


TABLE: tuple[Setting, ...] = (
    Setting("HOST", "127.0.0.1", _host, "Address to listen on; 0.0.0.0 for all"),
    Setting("PORT", "3001", _whole(0, 65_535), "TCP port; 0 for any free one"),
    Setting(
        "CLIENT_URL",
        "http://localhost:5173",
        _origins,
        "Origins of front ends that may use the server, separated by commas; * for any",
    ),
    Setting("DATA_DIR", "./data", _folder, "Folder for secrets; made with mode 0700"),
    Setting("DEBUG", "false", _switch, "Verbose logs; /sessions without token on this machine"),
    Setting(
        "ADMIN_TOKEN",
        "",
        _token,
        "The operators' token; made and kept in DATA_DIR if empty",
        is_secret=True,
    ),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        _proxies,
        "Proxies whose X-Forwarded-* headers to believe: how many, or their networks",
    ),
    Setting(
        "RATE_LIMITS",
        "on",
        _switch,
        "off lifts all rates and the bound on connections of an address, for benchmarks",
    ),
    Setting(
        "SESSION_IDLE_MINUTES",
        str(SESSION.idle_limit_ms // 60_000),
        _whole(1, 10_080),
        "A session ends after so long without use",
    ),
    Setting(
        "RECONNECT_GRACE_S",
        f"{SESSION.grace_ms / 1000:g}",
        _seconds(0, 120),
        "Seconds for which a member without connection stays a member",
    ),
    Setting("MAX_SESSIONS", str(_BOUNDS.rooms), _COUNT, "Sessions at the same time"),
    Setting(
        "MAX_SESSION_MEMBERS", str(SESSION.capacity), _whole(2, 10_000), "Members of one session"
    ),
    Setting(
        "MAX_CONNECTION_SESSIONS",
        str(_BOUNDS.rooms_per_connection),
        _whole(1, 1_000),
        "Sessions that one connection may join",
    ),
    Setting(
        "MAX_SESSION_HISTORY_MESSAGES",
        str(SESSION.history_messages),
        _whole(1, 100_000),
        "Messages kept of one session",
    ),
    Setting(
        "MAX_SESSION_HISTORY_BYTES",
        str(SESSION.history_bytes),
        _whole(1024, 1 << 34),
        "Bytes of messages kept of one session",
    ),
    Setting(
        "MAX_TOTAL_BYTES",
        str(_BOUNDS.total_bytes),
        _whole(1024, 1 << 44),
        "Bytes of messages and public keys kept of all sessions",
    ),
    Setting(
        "MAX_CIPHERTEXT_BYTES",
        str(_BOUNDS.ciphertext_bytes),
        _whole(1024, 1 << 26),
        "Bytes of one message's ciphertext",
    ),
    Setting(
        "MAX_PUBLIC_KEY_BYTES",
        str(_BOUNDS.public_key_bytes),
        _whole(256, 1 << 20),
        "Bytes of one member's public key",
    ),
    Setting(
        "MAX_ID_CHARS",
        str(_BOUNDS.id_chars),
        _whole(16, 1_024),
        "Characters of an id that clients choose",
    ),
    Setting(
        "MAX_NAME_CHARS",
        str(_BOUNDS.name_chars),
        _whole(16, 4_096),
        "Characters of a display name or a file name",
    ),
    Setting(
        "MAX_KEY_CHARS",
        str(_BOUNDS.key_chars),
        _whole(16, 4_096),
        "Characters of a session's auth key",
    ),
    Setting(
        "MAX_PAYLOAD_BYTES",
        "1000000",
        _whole(4_096, 1 << 27),
        "Bytes of one WebSocket message or polling request",
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
        "MEMBER_SENDS_PER_MINUTE", _per_minute(_RATES.send), _PER_MINUTE, "Messages of one member"
    ),
    Setting(
        "CONNECTION_EVENTS_PER_MINUTE",
        _per_minute(_RATES.events),
        _PER_MINUTE,
        "Events of one connection",
    ),
    Setting("PING_INTERVAL_S", "25", _seconds(0.1, 300), "Seconds between two pings"),
    Setting(
        "PING_TIMEOUT_S", "20", _seconds(0.1, 300), "Seconds after a ping until a client is gone"
    ),
)

_LATER = {
    "REDIS_URL": "live state is kept in memory by this version",
    "REDIS_HOST": "live state is kept in memory by this version",
    "DATABASE_URL": "this version keeps nothing in a database",
    "WORKERS": "this version runs one process",
    "TLS_CERT": "this version speaks plain HTTP; put a proxy with TLS in front",
    "TLS_CERT_PATH": "this version speaks plain HTTP; put a proxy with TLS in front",
    "TLS_KEY": "this version speaks plain HTTP; put a proxy with TLS in front",
    "TLS_KEY_PATH": "this version speaks plain HTTP; put a proxy with TLS in front",
    "USE_TLS": "this version speaks plain HTTP; put a proxy with TLS in front",
    "JWT_JWKS_URL": "this version knows no users of other systems",
    "GUESTS": "this version has no guests to turn off",
    "REQUIRE_ENCRYPTION": "this version has no API that goes without encryption",
    "REQUIRE_REGISTRATION_TOKEN": "this version registers no devices",
}
"""Settings that must not be passed over in silence: whoever sets them relies on them."""

_OFF = {"", "false", "0", "no", "off"}

_HARMLESS = {
    "WORKERS": {"", "1"},
    "USE_TLS": _OFF,
    "REQUIRE_ENCRYPTION": _OFF,
    "REQUIRE_REGISTRATION_TOKEN": _OFF,
}

_UNUSED = (
    "MONGODB_URI",
    "JWT_SECRET",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "ADMIN_CLAIM",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "DRAIN_S",
    "MESSAGE_TTL_DAYS",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_ISSUER",
    "GOOGLE_CERTS_URL",
)


def load(environment: Mapping[str, str]) -> Settings:
    """Make the settings from the environment, with `.env` already merged into it.

    Raises:
        SettingsError: With every problem there is, so that one look is enough.
    """
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
    problems += [
        f"{name}: {reason}. Remove it to start."
        for name, reason in _LATER.items()
        if environment.get(name, "").strip().lower() not in _HARMLESS.get(name, {""})
    ]
    problems += _contradictions(values)
    if problems:
        raise SettingsError("\n".join(problems))
    return _settings(values, tuple(_warnings(environment, values)))


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


def _warnings(environment: Mapping[str, str], values: Mapping[str, Any]) -> list[str]:
    warnings = [f"{name} is set and not used" for name in _UNUSED if environment.get(name)]
    if not values["RATE_LIMITS"]:
        warnings.append("RATE_LIMITS is off: one client can use up the server")
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
        debug=values["DEBUG"],
        admin_token=values["ADMIN_TOKEN"],
        trusted_hops=hops,
        trusted_networks=networks,
        session=_session_policy(values),
        bounds=_bounds(values),
        rates=_rates(values) if limited else Rates(None, None, None, None, None),
        max_payload_bytes=values["MAX_PAYLOAD_BYTES"],
        max_connections=values["MAX_CONNECTIONS"],
        max_address_connections=values["MAX_ADDRESS_CONNECTIONS"] if limited else None,
        ping_interval_s=values["PING_INTERVAL_S"],
        ping_timeout_s=values["PING_TIMEOUT_S"],
        warnings=warnings,
    )


def _session_policy(values: Mapping[str, Any]) -> Policy:
    return Policy(
        capacity=values["MAX_SESSION_MEMBERS"],
        idle_limit_ms=values["SESSION_IDLE_MINUTES"] * 60_000,
        grace_ms=round(values["RECONNECT_GRACE_S"] * 1000),
        history_messages=values["MAX_SESSION_HISTORY_MESSAGES"],
        history_bytes=values["MAX_SESSION_HISTORY_BYTES"],
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
        total_bytes=values["MAX_TOTAL_BYTES"],
    )


def _rates(values: Mapping[str, Any]) -> Rates:
    return Rates(
        reserve=even(values["ADDRESS_RESERVES_PER_MINUTE"]),
        join=even(values["ADDRESS_JOINS_PER_MINUTE"]),
        connect=even(values["ADDRESS_CONNECTS_PER_MINUTE"]),
        send=even(values["MEMBER_SENDS_PER_MINUTE"]),
        events=even(values["CONNECTION_EVENTS_PER_MINUTE"]),
    )

"""Settings: every good value works, every bad one is named with its way out, all at once."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from server.core.limits import even
from server.settings import load
from server.settings.table import TABLE
from tests.refused_settings import problems

NAMES = [setting.name for setting in TABLE]


def test_nothing_needs_to_be_set() -> None:
    settings = load({})

    assert (settings.host, settings.port) == ("127.0.0.1", 3001)
    assert settings.data_dir == Path("./data")
    assert not settings.debug
    assert settings.session.idle_limit_ms == 30 * 60_000
    assert settings.session.grace_ms == 3000
    assert settings.session.history_messages == 500
    assert settings.session.history_bytes == 4 * 1024 * 1024
    assert settings.bounds.id_chars == 128
    assert settings.trusted_hops == 0
    assert settings.admin_token is None
    assert settings.warnings == ()
    assert "*" not in settings.origins


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_value_is_the_default(name: str, empty: str) -> None:
    assert load({name: empty}) == load({})


@pytest.mark.parametrize("setting", TABLE, ids=NAMES)
def test_a_default_can_be_written_out(setting: Any) -> None:
    assert load({setting.name: setting.default}) == load({})


NUMBERS = [setting.name for setting in TABLE if setting.default.isdigit()]
NUMBERS.remove("TRUSTED_PROXIES")
BOUNDS = {"PORT": (0, 65_535)}
BAD_NUMBERS = ["-1", "1e3", "0x10", "1_000", "1.5.2", "NaN", "Infinity", "ten", "١٢", "²", "9" * 30]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_what_is_no_number_in_range_is_refused_by_name(name: str, bad: str) -> None:
    (problem,) = problems(**{name: bad})

    assert problem.startswith(f"{name}: {bad!r} must be a")
    assert re.search(r"from \S+ to \S+\.", problem), "the way out"
    assert "the default is" in problem


GOOD: list[tuple[str, str, str, Any]] = [
    ("HOST", "127.0.0.2", "host", "127.0.0.2"),
    ("HOST", "::", "host", "::"),
    ("HOST", "chat.internal", "host", "chat.internal"),
    ("PORT", "0", "port", 0),
    ("PORT", "65535", "port", 65535),
    ("PORT", " 8080 ", "port", 8080),
    ("REQUIRE_ENCRYPTION", "true", "require_encryption", True),
    ("FILES_URL", "s3://chat-files/a/b", "files_url", "s3://chat-files/a/b"),
    ("DATA_DIR", "/var/lib/hushwire", "data_dir", Path("/var/lib/hushwire")),
    ("WORKERS", "4", "workers", 4),
    ("WORKERS", "Auto", "workers", len(os.sched_getaffinity(0))),
    ("NODE_URL", "http://10.0.0.3:3001/", "node_url", "http://10.0.0.3:3001"),
    ("NODE_URL", "https://[2001:db8::1]", "node_url", "https://[2001:db8::1]"),
    ("DRAIN_S", "0", "drain_s", 0),
    ("DRAIN_S", "300", "drain_s", 300),
    ("DEBUG", "TRUE", "debug", True),
    ("DEBUG", "off", "debug", False),
    ("ADMIN_TOKEN", "0123456789abcdef", "admin_token", "0123456789abcdef"),
    ("TRUSTED_PROXIES", "2", "trusted_hops", 2),
    ("TRUSTED_PROXIES", "10.0.0.1", "trusted_networks", (ip_network("10.0.0.1/32"),)),
    (
        "TRUSTED_PROXIES",
        "10.1.2.3/8, fd00::/8",
        "trusted_networks",
        (ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
    ),
    ("MAX_ADDRESS_CONNECTIONS", "1", "max_address_connections", 1),
    ("PING_INTERVAL_S", "0.5", "ping_interval_s", 0.5),
    ("CLIENT_URL", "*", "origins", frozenset({"*"})),
    ("CLIENT_URL", "HTTPS://App.Example/", "origins", frozenset({"https://app.example"})),
    (
        "CLIENT_URL",
        "https://a.example , http://[::1]:5173,",
        "origins",
        frozenset({"https://a.example", "http://[::1]:5173"}),
    ),
    ("CLIENT_URL", "capacitor://localhost", "origins", frozenset({"capacitor://localhost"})),
    # A browser leaves out the port that goes without saying.
    ("CLIENT_URL", "https://a.example:443", "origins", frozenset({"https://a.example"})),
    ("CLIENT_URL", "http://a.example:80", "origins", frozenset({"http://a.example"})),
]


@pytest.mark.parametrize(("name", "text", "attribute", "value"), GOOD)
def test_a_good_value_is_taken(name: str, text: str, attribute: str, value: Any) -> None:
    assert getattr(load({name: text}), attribute) == value


BAD: list[tuple[str, str]] = [
    ("HOST", "http://0.0.0.0"),
    ("HOST", "a b"),
    ("PORT", "65536"),
    ("PORT", "3001/tcp"),
    ("WORKERS", "0"),
    ("WORKERS", "257"),
    ("NODE_URL", "10.0.0.3:3001"),
    ("NODE_URL", "ws://10.0.0.3:3001"),
    ("NODE_URL", "http://10.0.0.3:3001/path"),
    ("NODE_URL", "http://10.0.0.3:99999"),
    ("DRAIN_S", "301"),
    ("DEBUG", "maybe"),
    ("DEBUG", "2"),
    ("RATE_LIMITS", "none"),
    ("CLIENT_URL", "app.example"),
    ("CLIENT_URL", "https://app.example/chat"),
    ("CLIENT_URL", "https://app.example?x"),
    ("CLIENT_URL", "https://app.example#x"),
    ("CLIENT_URL", "https://user:password@app.example"),
    ("CLIENT_URL", "https://*.example"),
    ("CLIENT_URL", "https://app.example:port"),
    ("CLIENT_URL", "https://app.example:99999"),
    ("CLIENT_URL", "https://app.example https://b.example"),
    ("CLIENT_URL", "https://app .example"),
    ("CLIENT_URL", "https://"),
    ("CLIENT_URL", "null"),
    ("FILES_URL", "/var/files"),
    ("FILES_URL", "s3://"),
    ("FILES_URL", "s3://Bucket"),
    ("FILES_URL", "s3://user:password@bucket"),
    ("TRUSTED_PROXIES", "10"),
    ("TRUSTED_PROXIES", "-1"),
    ("TRUSTED_PROXIES", "10.0.0.0/33"),
    ("TRUSTED_PROXIES", "10.0.0.0/8; 127.0.0.1"),
    ("TRUSTED_PROXIES", "loopback"),
    ("SESSION_IDLE_MINUTES", "0"),
    ("MESSAGE_TTL_DAYS", "-1"),
    ("RECONNECT_GRACE_S", "121"),
    ("MAX_SESSION_MEMBERS", "1"),
    ("MAX_SESSIONS", "0"),
    ("MAX_CONNECTIONS", "0"),
    ("MAX_ID_CHARS", "15"),
    ("PING_INTERVAL_S", "0"),
    ("DATA_DIR", "/etc/hostname"),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_by_name_with_the_way_out(name: str, text: str) -> None:
    (problem,) = problems(**{name: text})

    assert problem.startswith(f"{name}: {text!r} must be ")
    assert "the default is" in problem


def test_a_folder_of_nobody_is_refused_like_any_bad_value() -> None:
    (problem,) = problems(DATA_DIR="~nobody-has-this-name/data")

    assert problem.startswith("DATA_DIR: ")


def test_a_folder_name_that_no_system_takes_is_refused_like_any_bad_value() -> None:
    (problem,) = problems(DATA_DIR="x" * 5000)

    assert problem.startswith("DATA_DIR: ")


def test_all_problems_are_told_at_once_each_on_its_line() -> None:
    bad = {"PORT": "none", "CLIENT_URL": "nowhere", "DEBUG": "2", "MAX_SESSIONS": "0"}

    told = problems(**bad, DATABASE_URL="oracle://a", WORKERS="none", ADMIN_TOKEN="short")

    names = [line.partition(":")[0] for line in told]
    assert sorted(names) == sorted([*bad, "DATABASE_URL", "WORKERS", "ADMIN_TOKEN"])


def test_a_line_break_in_a_value_makes_no_second_line() -> None:
    assert len(problems(PORT="1\n2")) == 1


CONTRADICTIONS: list[dict[str, str]] = [
    {"MAX_CIPHERTEXT_BYTES": "2000000"},
    {"MAX_PAYLOAD_BYTES": "4096"},
    {"MAX_SESSION_HISTORY_BYTES": "1024"},
    {"MAX_TOTAL_BYTES": "1024"},
    # The event around a ciphertext needs place as well; else the bound is a promise broken.
    {"MAX_CIPHERTEXT_BYTES": "1000000", "MAX_PAYLOAD_BYTES": "1000000"},
]


@pytest.mark.parametrize("together", CONTRADICTIONS, ids=str)
def test_bounds_that_contradict_each_other_are_refused(together: dict[str, str]) -> None:
    told = problems(**together)

    assert all(re.match(r"[A-Z_]+: \d+ is .* than [A-Z_]+ ", line) for line in told)
    assert all("raise" in line for line in told), "the way out"


# --- live state that many processes share ---

SHARED = {
    "JWT_SECRET": "s" * 32,
    "ADMIN_TOKEN": "t" * 16,
    "MASTER_KEY": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=",
}


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://user:pass@10.0.0.1:6380/2",
        "rediss://redis.example",
        "redis+sentinel://a:26379,b:26379/main/0",
        "unix:///run/redis.sock",
    ],
)
def test_redis_has_urls_of_every_form(url: str) -> None:
    assert load({**SHARED, "REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    "url", ["localhost:6379", "http://localhost", "redis://", "redis://[", "unix://"]
)
def test_what_is_no_address_of_redis_is_refused(url: str) -> None:
    (problem,) = problems(**SHARED, REDIS_URL=url)

    assert problem.startswith("REDIS_URL: ")


@pytest.mark.parametrize("name", SHARED)
def test_processes_that_share_redis_must_be_told_the_secrets_that_they_share(name: str) -> None:
    others = {one: text for one, text in SHARED.items() if one != name}

    (problem,) = problems(**others, REDIS_URL="redis://localhost")

    assert problem.startswith(f"{name}: REDIS_URL is set")


def test_redis_may_be_named_by_host_port_and_password() -> None:
    named = {"REDIS_HOST": "redis.example", "REDIS_PORT": "6380", "REDIS_PASSWORD": "p@ss/word"}

    assert load({**SHARED, **named}).redis_url == "redis://:p%40ss%2Fword@redis.example:6380"
    assert load({**SHARED, "REDIS_HOST": "::1"}).redis_url == "redis://[::1]:6379"
    assert load({"REDIS_PORT": "6380"}).redis_url is None


def test_a_url_of_redis_goes_before_its_parts() -> None:
    named = {"REDIS_URL": "redis://one", "REDIS_HOST": "two"}

    assert load({**SHARED, **named}).redis_url == "redis://one"


# --- databases ---


@pytest.mark.parametrize("url", ["sqlite:///srv/chat.db", "sqlite://chat.db"])
def test_a_database_file_may_be_anywhere(url: str) -> None:
    assert load({"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@db.example:5433/chat", "postgres:///chat?host=/run/postgresql"]
)
def test_a_database_server_needs_the_secrets_that_all_share(url: str) -> None:
    assert load({**SHARED, "DATABASE_URL": url}).database_url == url
    told = problems(DATABASE_URL=url)
    assert [one.split(":")[0] for one in told] == ["JWT_SECRET", "ADMIN_TOKEN", "MASTER_KEY"]
    assert "`openssl rand -base64 32`" in told[-1], "the way out"


@pytest.mark.parametrize("url", ["mysql://db/chat", "sqlite://", "db.example", "postgres://[::1"])
def test_no_other_database_is_taken(url: str) -> None:
    (problem,) = problems(DATABASE_URL=url)

    assert problem.startswith("DATABASE_URL: ")
    assert "such as postgresql://" in problem


def test_machines_with_a_file_each_are_warned_of_accounts_of_their_own() -> None:
    several = {**SHARED, "REDIS_URL": "redis://127.0.0.1", "NODE_URL": "http://node3.example:3001"}

    (warning,) = load(several).warnings
    assert "DATABASE_URL" in warning
    assert load({**several, "DATABASE_URL": "postgresql://localhost/chat"}).warnings == ()


ELSEWHERE = ["redis://a", "rediss://10.0.0.7:6380/2", "redis+sentinel://a:1,b:2/chat"]
HERE = ["redis://localhost", "redis://127.0.0.1:6379", "redis://[::1]", "unix:///run/redis.sock"]


@pytest.mark.parametrize("store", [{"REDIS_URL": url} for url in ELSEWHERE])
def test_machines_with_a_folder_each_are_warned_of_files_of_their_own(
    store: dict[str, str],
) -> None:
    (warning,) = load({**SHARED, **store}).warnings
    assert "REDIS_URL" in warning
    assert "FILES_URL" in warning
    assert load({**SHARED, **store, "FILES_URL": "s3://chat-files"}).warnings == ()


def test_a_database_elsewhere_is_a_reason_for_the_same() -> None:
    (warning,) = load({**SHARED, "DATABASE_URL": "postgresql://db/chat"}).warnings
    assert "DATABASE_URL names" in warning


@pytest.mark.parametrize("url", HERE)
def test_what_this_machine_shares_with_itself_is_no_reason(url: str) -> None:
    assert load({**SHARED, "REDIS_URL": url}).warnings == ()
    assert load({"DATABASE_URL": "sqlite://./data.sqlite3"}).warnings == ()


# --- what is somebody else's ---


@pytest.mark.parametrize(
    ("name", "text"),
    [("WORKERS", "1"), ("USE_TLS", "false"), ("USE_TLS", "NO"), ("REDIS_URL", " ")],
)
def test_what_asks_for_nothing_new_is_no_reason_to_stop(name: str, text: str) -> None:
    assert load({name: text}).warnings == ()


def test_settings_of_other_programs_are_left_alone() -> None:
    assert load({"PATH": "/bin", "HOME": "/root", "NODE_ENV": "production"}) == load({})


WARNED = [
    ("RATE_LIMITS", "off", "RATE_LIMITS"),
    ("CLIENT_URL", "*", "CLIENT_URL"),
    ("CLIENT_URL", "https://a.example,*", "CLIENT_URL"),
    ("MONGODB_URI", "mongodb://u:hunter22@db", "MONGODB_URI"),
]


@pytest.mark.parametrize(("name", "text", "named"), WARNED)
def test_what_is_risky_or_unused_is_warned_of(name: str, text: str, named: str) -> None:
    (warning,) = load({name: text}).warnings

    assert named in warning
    assert "hunter22" not in warning


def test_without_rate_limits_only_those_of_passwords_are_left_and_every_size_stays() -> None:
    limits = {"ADDRESS_SIGNINS_PER_MINUTE": "7"}
    with_rates, without = load(limits), load({**limits, "RATE_LIMITS": "off"})

    left = {name for name in without.rates.__struct_fields__ if getattr(without.rates, name)}
    assert left == {"sign_in", "address_sign_in", "account_sign_in", "sign_in_anew"}
    assert without.rates.address_sign_in == with_rates.rates.address_sign_in == even(7)
    assert all(getattr(with_rates.rates, name) for name in with_rates.rates.__struct_fields__)
    assert without.max_address_connections is None
    assert without.bounds == with_rates.bounds
    assert without.max_connections == with_rates.max_connections


def test_a_low_rate_still_admits_one_at_once() -> None:
    rate = load({"ADDRESS_JOINS_PER_MINUTE": "1"}).rates.join

    assert rate is not None
    assert (rate.per_minute, rate.burst) == (1, 1)


# --- the table ---


def test_every_bound_says_its_unit_in_its_name() -> None:
    units = ("_BYTES", "_CHARS", "_S", "_MINUTES", "_DAYS", "_PER_MINUTE")
    of_rooms = ("_SESSIONS", "_GROUPS", "_MEMBERS", "_USERS", "_MESSAGES", "_CONNECTIONS")
    counts = (*of_rooms, "_EVENTS", "_EVENTS_OF_SENDER", "_ROTATIONS")
    unclear = [
        name
        for name in NUMBERS
        if name not in ("PORT", "WORKERS") and not name.endswith(units + counts)
    ]

    assert unclear == []


def test_every_setting_changes_something() -> None:
    others = {
        "HOST": "::1",
        "GOOGLE_CLIENT_ID": "chat.apps.example",
        "GOOGLE_ISSUER": "https://issuer.example",
        "GOOGLE_CERTS_URL": "https://issuer.example/jwks.json",
        "CLIENT_URL": "https://a.example",
        "DATA_DIR": "/elsewhere",
        "DEBUG": "true",
        "ADMIN_TOKEN": "0123456789abcdef",
        "MASTER_KEY": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=",
        "RATE_LIMITS": "off",
        "TRUSTED_PROXIES": "1",
        "MAX_UNSENT_BYTES": "9000000",  # its default is less than two of the largest messages
        "GUESTS": "false",
        "REQUIRE_REGISTRATION_TOKEN": "true",
        "JWT_SECRET": "0123456789abcdef0123456789abcdef",
        "JWT_ISSUER": "https://id.example",
        "JWT_AUDIENCE": "chat",
        "ADMIN_CLAIM": "admin",
        "JWT_TYPES": "student",
        "NODE_URL": "http://10.0.0.3:3001",
        "REQUIRE_ENCRYPTION": "true",
        "FILES_URL": "s3://chat-files",
        "S3_ENDPOINT": "https://s3.example",
        "S3_REGION": "eu-central-1",
        "S3_ACCESS_KEY": "somebody",
        "S3_SECRET_KEY": "a secret",
    }
    # See tests/conformance/test_tls.py, and above.
    names = set(NAMES) - {"TLS_CERT", "TLS_KEY", "JWT_JWKS_URL", "REDIS_URL", "DATABASE_URL"}
    idle = [name for name in names if load({name: others.get(name) or changed(name)}) == load({})]

    assert idle == []


def changed(name: str) -> str:
    default = next(setting.default for setting in TABLE if setting.name == name)
    return str(int(default) - 1) if int(default) > 1 else str(int(default) + 1)


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        setattr(load({}), "port", 1)  # noqa: B010  # mypy knows it already

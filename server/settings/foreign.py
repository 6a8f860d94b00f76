"""Settings of other servers, and of versions to come, that somebody may have set."""

LATER = {
    "REDIS_URL": "live state is kept in memory by this version",
    "REDIS_HOST": "live state is kept in memory by this version",
    "DATABASE_URL": "this version keeps nothing in a database",
    "WORKERS": "this version runs one process",
    "REQUIRE_ENCRYPTION": "this version has no API that goes without encryption",
    "REQUIRE_REGISTRATION_TOKEN": "this version registers no devices",
}
"""Settings that must not be passed over in silence: whoever sets them relies on them."""

_OFF = {"", "false", "0", "no", "off"}

HARMLESS = {
    "WORKERS": {"", "1"},
    "REQUIRE_ENCRYPTION": _OFF,
    "REQUIRE_REGISTRATION_TOKEN": _OFF,
}

ALIASES = {"TLS_CERT_PATH": "TLS_CERT", "TLS_KEY_PATH": "TLS_KEY"}
"""Names that settings have elsewhere."""

UNUSED = (
    "MONGODB_URI",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "DRAIN_S",
    "MESSAGE_TTL_DAYS",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_ISSUER",
    "GOOGLE_CERTS_URL",
)

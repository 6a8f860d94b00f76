"""The scripts of random groups, and what all of them know."""

from server.core.kinds import Policy
from server.core.limits import Bounds
from server.core.matching import ENOUGH_REPORTS, PRESENT_MS
from server.stores import sizes
from server.stores.redis.scripts import Script

_BASE = ("books", "attempt", "owners")
_GROUP = (*_BASE, "group")
_USERS = (*_BASE, "users")
_BOTH = (*_USERS, "connections", "group", "partings", "membership")

_SCRIPTS = {
    "match": (*_BOTH, "attaching", "places"),
    "connect": (*_USERS, "connections", "group", "attaching"),
    "connections": _BASE,
    "lose": (*_USERS, "connections"),
    "lose_node": (*_USERS, "connections"),
    "current": _GROUP,
    "leave": _BOTH,
    "append": (*_GROUP, "said"),
    "history": (*_GROUP, "said"),
    "touch": _GROUP,
    "block": (*_USERS, "partings"),
    "unblock": (*_USERS, "partings"),
    "report": (*_BOTH, "said", "reports"),
    "reports": (*_BASE, "reports"),
    "key_of": _USERS,
    "expire_lost": _BOTH,
    "expire_idle": (*_BOTH, "reports"),
    "page": _GROUP,
    "totals": _GROUP,
}
"""By name, with the files that they need, in their order."""

_READING = {"connections", "current", "history", "touch", "reports", "key_of", "page", "totals"}
"""Those of which nothing need outlive a server of Redis."""


def scripts_for(policy: Policy, bounds: Bounds) -> dict[str, Script]:
    """By name."""
    constants = _constants(policy, bounds)
    return {
        name: Script(f"groups/{name}", preludes, name not in _READING, constants)
        for name, preludes in _SCRIPTS.items()
    }


def _constants(policy: Policy, bounds: Bounds) -> tuple[tuple[str, int], ...]:
    """What scripts know of the installation, and of how bytes are counted."""
    return (
        ("CAPACITY", policy.capacity),
        ("IDLE_LIMIT_MS", policy.idle_limit_ms),
        ("HISTORY_MESSAGES", policy.history_messages),
        ("HISTORY_BYTES", policy.history_bytes),
        ("MAX_GROUPS", bounds.groups),
        ("MAX_USERS", bounds.users),
        ("MAX_BLOCKS", bounds.blocks_per_user),
        ("MAX_REPORTS", bounds.reports),
        ("TOTAL_BYTES", bounds.total_bytes),
        ("MAX_GONE", sizes.MAX_GONE),
        ("LOOKS", sizes.LOOKS),
        ("USER_BYTES", sizes.USER_BYTES),
        ("MEMBER_BYTES", sizes.MEMBER_BYTES),
        ("SHUNNED_BYTES", sizes.SHUNNED_BYTES),
        ("AWAY_BYTES", sizes.AWAY_BYTES),
        ("IDLE_PART", sizes.IDLE_PART),
        ("REPORTS_PART", sizes.REPORTS_PART),
        ("ENOUGH_REPORTS", ENOUGH_REPORTS),
        ("PRESENT_MS", PRESENT_MS),
    )

"""What users, members and reports weigh in the books: the same in every backend."""

from collections.abc import Iterable

from server.core.events import Member
from server.core.ids import UserId
from server.core.opaque import Opaque
from server.core.ports import Report, SavedKey

USER_BYTES = 1536
"""The records of one user, as measured in Python."""

MEMBER_BYTES = 1024
"""The same of one member of a group."""

SHUNNED_BYTES = 256
"""The same of one whom a user has blocked or left, on both sides."""

AWAY_BYTES = 160
"""The same of one who is not to come back to a group."""

REPORT_BYTES = 1024
"""The same of one report."""

IDLE_PART = 2
"""Users who are not here hold at most this part of the space, so that nobody fills it by
coming and going under ever new names."""

REPORTS_PART = 16
"""All reports hold at most this part of the space."""

MAX_GONE = 16
"""Of those who have left a group, so many are remembered as they were: reports come late."""

LOOKS = 30
"""Groups of which a match looks at each member; most who join come into the first."""


def member_bytes(member: Member) -> int:
    key_bytes = member.public_key.size_bytes if member.public_key else 0
    return text_bytes(member.user_id) + text_bytes(member.name) + key_bytes + MEMBER_BYTES


def away_bytes(user_id: UserId) -> int:
    return AWAY_BYTES + text_bytes(user_id)


def shunned_bytes(user_id: UserId) -> int:
    return SHUNNED_BYTES + text_bytes(user_id)


def key_bytes(saved: SavedKey) -> int:
    return saved.public_key.size_bytes + text_bytes(saved.name)


def report_bytes(report: Report) -> int:
    said_bytes = opaque_bytes((report.evidence, report.public_key))
    return text_bytes(report.reason) + text_bytes(report.name or "") + said_bytes + REPORT_BYTES


def opaque_bytes(values: Iterable[Opaque | None]) -> int:
    return sum(one.size_bytes for one in values if one)


def text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())

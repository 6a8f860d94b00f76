"""`scripts/verify-report`: looks whether a report holds, offline."""

import argparse
import json
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from scripts.demo_parts.protocol.refusal import RefusedError
from scripts.demo_parts.protocol.strangers.evidence import Revealed, check_evidence

UNREADABLE = 2

_EPILOG = """\
A report is an object with groupId, userId and evidence, as GET /api/admin/reports has it in its
list `reports`; that whole answer will do too, and then all of them are looked at.

The evidence proves that whoever holds the keys of its card said these messages. Whether the user
showed that card it cannot prove, as the reporter could have made both: it is compared with the
report's publicKey, which the relay noted by itself, or with --public-key.

Exit status: 0 if all reports hold, 1 if one does not, 2 if the file is no report, 3 if there is
nothing to compare the card of one with.
"""


_HOLDS = "HOLDS: said with the keys that the relay had for that user"
_NOT_COMPARED = (
    "NOT COMPARED: said with the keys of that card, which the reporter may have made: the "
    "relay has noted none. Compare --public-key"
)


class Judged(Enum):
    """What is to be said of a report, as an exit status."""

    HOLDS = 0
    DOES_NOT_HOLD = 1
    NOT_COMPARED = 3


_WORST_FIRST = (Judged.DOES_NOT_HOLD, Judged.NOT_COMPARED, Judged.HOLDS)


def main() -> int:
    """Judge the reports in a file; see `--help`."""
    arguments = _parser().parse_args()
    try:
        reports = reports_in(json.load(arguments.report))
    except (ValueError, RecursionError) as error:
        print(f"verify-report: no report: {error}", file=sys.stderr)
        return UNREADABLE
    verdicts = [verdict(report, arguments.public_key) for report in reports]
    print("\n\n".join("\n".join(lines) for _, lines in verdicts))
    found = {judged for judged, _ in verdicts}
    return next(judged.value for judged in _WORST_FIRST if judged in found)


def reports_in(told: object) -> list[dict[str, Any]]:
    """The reports of a file: one, or a page of them.

    Raises:
        ValueError: It has none.
    """
    some = told.get("reports", [told]) if isinstance(told, dict) else told
    reports = some if isinstance(some, list) else []
    if not reports or not all(isinstance(one, dict) and "userId" in one for one in reports):
        raise ValueError("it needs groupId, userId and evidence")
    return reports


def verdict(report: dict[str, Any], public_key: str | None = None) -> tuple[Judged, list[str]]:
    """Judge a report.

    Args:
        public_key: What the relay itself had for the reported user; else that of the report.

    Returns:
        The verdict, and what there is to be said, line by line.
    """
    group_id, user_id = str(report.get("groupId")), str(report["userId"])
    title = f"report about user {_plain(user_id)} in group {_plain(group_id)}"
    evidence = report.get("evidence")
    if evidence is None:
        return Judged.DOES_NOT_HOLD, [title, "NO EVIDENCE: there is only the reporter's word"]
    try:
        revealed = check_evidence(evidence, group_id, user_id)
    except RefusedError as error:
        return Judged.DOES_NOT_HOLD, [title, f"DOES NOT HOLD: {error}"]
    if not revealed:
        return Judged.DOES_NOT_HOLD, [title, "NO EVIDENCE: it shows no message"]
    card, known = evidence["card"], public_key or report.get("publicKey")
    if known is None:
        return Judged.NOT_COMPARED, [title, *_lines(revealed), _NOT_COMPARED]
    if known != card:
        return Judged.DOES_NOT_HOLD, [title, "DOES NOT HOLD: the relay had another card of it"]
    return Judged.HOLDS, [title, *_lines(revealed), _HOLDS]


def _lines(revealed: list[Revealed]) -> list[str]:
    lines = []
    for at, one in enumerate(revealed):
        if at and not one.is_next:
            lines.append("  … something that is not shown, or is shown in another order …")
        said = one.content if isinstance(one.content, dict) else {}
        text = said.get("text", f"[{one.kind}]")
        lines.append(f"  #{one.number} {_time(one.sent_ms)} {_plain(str(text))}")
    return lines


def _time(at_ms: int) -> str:
    """By the sender's clock, which may say anything."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return f"at {at_ms} ms"


def _plain(text: str) -> str:
    """Without what could do something to a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/verify-report",
        description="Look whether reports of a random group hold.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "report",
        nargs="?",
        type=argparse.FileType(encoding="utf-8"),
        default="-",
        help="a file with JSON; else it is read from standard input",
    )
    parser.add_argument("--public-key", help="what the relay had as the user's publicKey")
    return parser


if __name__ == "__main__":
    sys.exit(main())

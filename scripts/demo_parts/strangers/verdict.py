"""`scripts/verify-report`: looks whether a report holds, offline."""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from scripts.demo_parts.protocol.refusal import RefusedError
from scripts.demo_parts.protocol.strangers.evidence import Revealed, check_evidence

HOLDS = 0
DOES_NOT_HOLD = 1
UNREADABLE = 2

_EPILOG = """\
A report is an object with groupId, userId and evidence, as GET /api/admin/reports has it in its
list `reports`; that whole answer will do too, and then all of them are looked at.

The evidence proves that whoever holds the keys of its card said these messages. Whether the user
showed that card, it cannot prove: compare --public-key, which the relay had for that user then,
or leave it away and judge by the relay's own history.

Exit status: 0 if all reports hold, 1 if one does not, 2 if the file is no report.
"""


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
    return HOLDS if all(holds for holds, _ in verdicts) else DOES_NOT_HOLD


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


def verdict(report: dict[str, Any], public_key: str | None = None) -> tuple[bool, list[str]]:
    """Judge a report.

    Args:
        public_key: What the relay itself had for the reported user; else that of the report.

    Returns:
        Whether it holds, and what there is to be said, line by line.
    """
    group_id, user_id = str(report.get("groupId")), str(report["userId"])
    title = f"report about user {_plain(user_id)} in group {_plain(group_id)}"
    evidence = report.get("evidence")
    if evidence is None:
        return False, [title, "NO EVIDENCE: there is only the reporter's word"]
    try:
        revealed = check_evidence(evidence, group_id, user_id)
    except RefusedError as error:
        return False, [title, f"DOES NOT HOLD: {error}"]
    card, known = evidence["card"], public_key or report.get("publicKey")
    if known is not None and known != card:
        return False, [title, "DOES NOT HOLD: the relay had another card of that user"]
    return True, [title, *_lines(revealed), _conclusion(known is not None)]


def _lines(revealed: list[Revealed]) -> list[str]:
    lines = []
    for at, one in enumerate(revealed):
        if at and not one.is_next:
            lines.append("  … something that is not shown, or is shown in another order …")
        said = one.content if isinstance(one.content, dict) else {}
        text = said.get("text", f"[{one.kind}]")
        lines.append(f"  #{one.number} {_time(one.sent_ms)} {_plain(str(text))}")
    return lines or ["  nothing is shown"]


def _conclusion(is_compared: bool) -> str:
    if is_compared:
        return "HOLDS: said with the keys that the relay had for that user"
    return "HOLDS: said with the keys of that card; that it is the user's is yet to be compared"


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

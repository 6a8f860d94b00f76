"""Print the code's own tables into README.md and docs/, and .env.example whole."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.docs_parts.errors import errors
from scripts.docs_parts.events import actions, heard
from scripts.docs_parts.frames import frames, own, told
from scripts.docs_parts.requests import fields
from scripts.docs_parts.routes import other_routes, routes
from scripts.docs_parts.settings import env_example, settings
from server.app import APIS
from server.transports.api import Api

ROOT = Path(__file__).resolve().parents[2]

SECTION = re.compile(r"(<!-- table: (\w+)(?: of ([\w, ]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
"""A table, and the APIs of which it is."""

TABLES: dict[str, Callable[[Sequence[Api]], str]] = {
    one.__name__: one
    for one in (settings, other_routes, routes, actions, frames, told, own, fields, heard, errors)
}


def with_tables(text: str) -> str:
    """The text with every marked table printed anew."""

    def printed(found: re.Match[str]) -> str:
        names = (found[3] or "").split(", ")
        apis = [api for api in APIS if api.name in names]
        return f"{found[1]}\n{TABLES[found[2]](apis)}\n\n{found[4]}"

    return SECTION.sub(printed, text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="only tell what is not current")
    only_check = parser.parse_args().check
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    wanted = {page: with_tables(page.read_text()) for page in pages}
    wanted[ROOT / ".env.example"] = env_example()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if only_check:
            print(f"{path.name} is not current; run scripts/docs", file=sys.stderr)
        else:
            path.write_text(wanted[path])
    return 1 if only_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

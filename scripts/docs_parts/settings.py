"""Settings, as tables and as .env.example."""

from collections.abc import Iterator

from scripts.docs_parts.markdown import code, table
from server.settings.table import TABLE, Setting

GROUPS = {
    "HOST": "The server",
    "GUESTS": "Users",
    "SESSION_IDLE_MINUTES": "Life of a session",
    "MAX_SESSIONS": "Counts and memory",
    "MAX_CIPHERTEXT_BYTES": "Sizes",
    "MAX_CONNECTIONS": "Connections and rates",
    "PING_INTERVAL_S": "Pings",
}
"""The first setting of each group, in the order of `TABLE`."""

ENV_HEAD = """\
# Settings of Hushwire, each with its default. Copy this file to .env beside it, and take the
# leading # from each line that you change. The environment goes before .env.
"""


def settings(_: object) -> str:
    return "\n\n".join(
        f"**{title}**\n\n"
        + table(
            ("setting", "default", "what it is"),
            ((code(one.name), code(one.default), one.summary) for one in group),
        )
        for title, group in groups()
    )


def env_example() -> str:
    parts = [ENV_HEAD]
    for title, group in groups():
        parts.append(f"\n# --- {title} ---\n")
        parts += [
            f"\n# {one.summary}\n#{one.name}={'' if one.is_secret else one.default}\n"
            for one in group
        ]
    return "".join(parts)


def groups() -> Iterator[tuple[str, tuple[Setting, ...]]]:
    starts = [next(i for i, one in enumerate(TABLE) if one.name == name) for name in GROUPS]
    for title, start, end in zip(GROUPS.values(), starts, [*starts[1:], None], strict=True):
        yield title, TABLE[start:end]

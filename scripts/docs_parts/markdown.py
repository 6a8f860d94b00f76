"""What tables in Markdown are made of."""

from collections.abc import Iterable


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("  ", " ") for line in lines)


def code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""

"""The errors, as the APIs call them."""

from scripts.docs_parts.markdown import code, table
from server.app import APIS
from server.core.errors import Code
from server.transports.errors import HTTP_STATUS


def errors(_: object) -> str:
    return table(
        ("error", "HTTP status", "can a later try help?"),
        (
            (", ".join(_words(one)), str(int(HTTP_STATUS[one])), "yes" if one.can_retry else "no")
            for one in Code
        ),
    )


def _words(one: Code) -> list[str]:
    """What it is called: as the APIs do that have words of their own for it."""
    own = dict.fromkeys(api.words[one] for api in APIS if one in api.words)
    return [code(text) for text in own or [one.word]]

"""What accounts may be called, and when two names are the same."""

import re
import unicodedata

from server.core.errors import AppError, Code

_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{1,30})[A-Za-z0-9]")
"""No letters of other scripts: some look the same as these, and people would be taken for others.
The display name may have any."""

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")

_EMAIL_CHARS = 254


def check_username(username: str) -> None:
    """Refuse what is no name of an account.

    Raises:
        AppError: INVALID_REQUEST.
    """
    if not _USERNAME.fullmatch(username):
        problem = (
            "username: Expected 3 to 32 letters or digits, and . _ - between them; the display "
            "name may have others"
        )
        raise AppError(Code.INVALID_REQUEST, problem)


def check_email(email: str) -> None:
    """Refuse what cannot be an e-mail address; whether it is one, only a message would tell.

    Raises:
        AppError: INVALID_REQUEST.
    """
    if not is_email(email):
        raise AppError(Code.INVALID_REQUEST, "email: Expected an address such as al@example.com")


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text)) and text.isprintable() and len(text) <= _EMAIL_CHARS


def account_key(name: str) -> str:
    """By which a name, or an e-mail address, is the same as another.

    A name has no `@` and an address has one, so neither can be taken for the other.
    """
    key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())
    return key.replace("\0", "")

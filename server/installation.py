"""An installation: its settings, with the secrets that they leave to the data folder."""

from pathlib import Path

from msgspec import Struct, structs

from server.datadir import open_folder, read_secret, secret_file
from server.settings import Settings, SettingsError
from server.settings.values import signing_secret


class Installation(Struct, frozen=True):
    """What all processes of an installation have in common.

    Attributes:
        settings: With all secrets that they have a place for.
        secret: At least 256 bits, from which others are derived.
        admin_token: Of the operators.
        places: Where the secrets are, for the line at the start.
    """

    settings: Settings
    secret: str
    admin_token: str
    places: str


def installed(settings: Settings) -> Installation:
    """The installation with these settings; secrets that are missing are made and kept.

    Raises:
        SettingsError: The data folder cannot be used.
    """
    try:
        return _installed(settings)
    except (OSError, ValueError) as error:
        raise SettingsError(f"DATA_DIR: {error}") from None


def _installed(settings: Settings) -> Installation:
    folder = open_folder(settings.data_dir)
    own_secret = read_secret(secret_file(folder, "secret"))
    token_file = None if settings.admin_token else secret_file(folder, "admin-token")
    signing_file = None if settings.jwt_secret else secret_file(folder, "jwt-secret")
    if signing_file:
        made = signing_secret(read_secret(signing_file))
        settings = structs.replace(settings, jwt_secret=made)
    return Installation(
        settings=settings,
        # Of one on several machines, the signing secret is what they have in common.
        secret=(_is_shared(settings) and settings.jwt_secret) or own_secret,
        admin_token=settings.admin_token or read_secret(token_file or folder),
        places=f"operators' token in {_place(token_file, 'ADMIN_TOKEN')}, "
        f"tokens' secret in {_place(signing_file, 'JWT_SECRET')}",
    )


def _is_shared(settings: Settings) -> bool:
    database = settings.database_url
    return bool(settings.redis_url or (database and not database.startswith("sqlite://")))


def _place(file: Path | None, setting: str) -> str:
    return str(file) if file else setting

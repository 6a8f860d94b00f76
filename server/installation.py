"""An installation: its settings, with the secrets that they leave to the data folder."""

from pathlib import Path

from msgspec import Struct, structs

from server.datadir import new_master_key, open_folder, read_secret, secret_file
from server.settings import Settings, SettingsError
from server.settings.values import MasterKeys, master_keys, signing_secret
from server.stores.files.opening import can_use_buckets

NO_BUCKETS = (
    "FILES_URL: buckets need the package obstore. Install it where the server runs: "
    '.venv/bin/python -m pip install "obstore>=0.12,<0.13"'
)


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
        SettingsError: The data folder cannot be used, or what a setting needs is not installed.
    """
    if settings.files_url and not can_use_buckets():
        raise SettingsError(NO_BUCKETS)
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
    key_file = None if settings.master_keys else secret_file(folder, "master-key", new_master_key)
    if key_file:
        settings = structs.replace(settings, master_keys=_master_keys_in(key_file))
    return Installation(
        settings=settings,
        # Of one on several machines, the signing secret is what they have in common.
        secret=(_is_shared(settings) and settings.jwt_secret) or own_secret,
        admin_token=settings.admin_token or read_secret(token_file or folder),
        places=f"operators' token in {_place(token_file, 'ADMIN_TOKEN')}, "
        f"tokens' secret in {_place(signing_file, 'JWT_SECRET')}, "
        f"workspaces' key in {_place(key_file, 'MASTER_KEY')}",
    )


def _master_keys_in(path: Path) -> MasterKeys:
    try:
        keys = master_keys(read_secret(path))
    except ValueError:
        keys = MasterKeys()
    if not keys:
        # Not to be deleted: under another key nothing opens that was sealed under this one.
        raise ValueError(f"{path} is not as it was made; put back the copy that you have of it")
    return keys


def _is_shared(settings: Settings) -> bool:
    database = settings.database_url
    return bool(settings.redis_url or (database and not database.startswith("sqlite://")))


def _place(file: Path | None, setting: str) -> str:
    return str(file) if file else setting

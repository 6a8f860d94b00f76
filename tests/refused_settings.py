"""What a server says of settings that it refuses."""

import pytest

from server.settings import SettingsError, load


def problems(**environment: str) -> list[str]:
    """The lines by which these settings are refused."""
    with pytest.raises(SettingsError) as refused:
        load(environment)
    return str(refused.value).splitlines()

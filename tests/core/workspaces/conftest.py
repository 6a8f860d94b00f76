"""Workspaces with a key each, and the vault that knows them."""

import pytest

from server.core.ids import WorkspaceId
from server.core.workspaces.keys import KeyRing
from server.core.workspaces.vault import Vault

MASTER_KEY = bytes(range(32))


@pytest.fixture
def vault():
    return Vault(KeyRing([MASTER_KEY]))


@pytest.fixture
def key(vault):
    """The first of a workspace."""
    return vault.new_key(WorkspaceId("acme"), 1)

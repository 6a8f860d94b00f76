"""Workspaces with a key each, the vault that knows them, and people who have joined one."""

import pytest

from server.core.ids import WorkspaceId
from server.core.limits import Bounds
from server.core.workspaces.keys import KeyRing
from server.core.workspaces.vault import Vault
from server.stores.sql.migrations import migrate
from tests.core.workspaces.hall import Hall
from tests.stores.sql.channels import atelier_of
from tests.stores.sql.households import Household

MASTER_KEY = bytes(range(32))


@pytest.fixture
def vault():
    return Vault(KeyRing([MASTER_KEY]))


@pytest.fixture
def key(vault):
    """The first of a workspace."""
    return vault.new_key(WorkspaceId("acme"), 1)


@pytest.fixture
async def hall(open_core):
    """Alice, Bob and Carol are in a workspace, Dan is not; nobody is here yet."""
    core = open_core(bounds=Bounds(joined_rooms=3, joined_workspaces=2))
    await core.database.start()
    await migrate(core.database)
    home = Household(core.database)
    await home.settle("alice", "bob", "carol")
    yield Hall(core, await atelier_of(home))
    await core.database.close()


@pytest.fixture
async def room(hall):
    """A conversation of Alice and Bob."""
    return await hall.make("alice", "bob")

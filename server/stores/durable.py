"""The stores of what lasts, as one installation has them: in a file, or in PostgreSQL."""

import functools
from pathlib import Path

from server.core.limits import Bounds
from server.core.ports import AccountStore
from server.core.ports.channels import ChannelStore
from server.core.ports.conversations import ConversationStore, MessageStore
from server.core.ports.device_keys import DeviceKeyStore
from server.core.ports.files import FileStore
from server.core.ports.identities import IdentityStore
from server.core.ports.keys import KeyStore
from server.core.ports.posts import PostStore
from server.core.ports.queues import QueueStore
from server.core.ports.workspaces import WorkspaceStore
from server.stores.sql.accounts import SqlAccounts
from server.stores.sql.attached import leave_files
from server.stores.sql.conversations import SqlConversations, SqlMessages, leave_rooms
from server.stores.sql.database import Database
from server.stores.sql.device_keys import SqlDeviceKeys, leave_keys
from server.stores.sql.identities import SqlIdentities, leave_identities
from server.stores.sql.migrations import migrate
from server.stores.sql.opening import database_at
from server.stores.sql.queues import SqlQueues, leave_queues
from server.stores.sql.watch import Watch
from server.stores.sql.workspaces import SqlChannels, SqlPosts, SqlWorkspaces, leave_workspaces
from server.stores.sql.workspaces.files import SqlFiles
from server.stores.sql.workspaces.keys import SqlKeys

FILE_NAME = "hushwire.sqlite3"
"""In the data folder, where no other database is named."""


class Durable:
    """All that holds durable state.

    Attributes:
        accounts: Accounts, their devices and tokens.
        device_keys: The keys of these devices.
        identities: For whom of these an issuer vouches, and the public keys that they show.
        conversations, messages: Durable rooms, and what is said there.
        queues: Events that wait for devices.
        files: Files of conversations, without their bytes.
        workspaces: Workspaces, and who is in them.
        channels, posts: Their conversations, and what is said there.
        workspace_keys: Under which that is sealed.
    """

    def __init__(self, database: Database, bounds: Bounds) -> None:
        leaving = (
            leave_workspaces,
            leave_keys,
            functools.partial(leave_rooms, bounds=bounds),
            leave_files,
            leave_queues,
            leave_identities,
        )
        self.database = database
        self.accounts: AccountStore = SqlAccounts(database, leaving)
        self.device_keys: DeviceKeyStore = SqlDeviceKeys(database)
        self.conversations: ConversationStore = SqlConversations(database, bounds)
        self.messages: MessageStore = SqlMessages(database, bounds)
        self.identities: IdentityStore = SqlIdentities(database, bounds)
        self.queues: QueueStore = SqlQueues(database, bounds)
        self.files: FileStore = SqlFiles(database, bounds)
        self.workspaces: WorkspaceStore = SqlWorkspaces(database, bounds)
        self.channels: ChannelStore = SqlChannels(database, bounds)
        self.posts: PostStore = SqlPosts(database, bounds)
        self.workspace_keys: KeyStore = SqlKeys(database)
        self._watch = Watch(database)

    @property
    def is_ready(self) -> bool:
        """Whether it can be read and written."""
        return self._watch.is_ready

    async def start(self) -> None:
        """Open it, and bring its schema up to date.

        Raises:
            DatabaseAwayError: It cannot be had, or is not one that this program can use.
        """
        await self.database.start()
        await migrate(self.database)
        await self._watch.start()

    async def stop(self) -> None:
        """Finish what is under way."""
        await self._watch.stop()
        await self.database.close()


def open_durable(url: str | None, data_dir: Path, bounds: Bounds) -> Durable:
    """Durable state at a URL, or in the data folder; nothing is touched before it starts."""
    return Durable(database_at(url, data_dir / FILE_NAME), bounds)

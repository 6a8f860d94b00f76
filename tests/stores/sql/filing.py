"""A conversation into which people put files, for tests; the files have no bytes."""

from server.core.ids import FileId, RoomId, UserId
from server.core.ports.conversations import MessageRef
from server.core.ports.files import NewFile
from server.core.ports.posts import PostChange
from server.core.workspaces.values import NewPost
from server.stores.sql.steps import rows, value
from server.stores.sql.workspaces.posts import SqlPosts
from tests.stores.sql.households import NOW_MS
from tests.stores.sql.teams import asks, found

DUE_MS = NOW_MS + 1_000

FILE = FileId("f1")


class Channel:
    """A conversation of a workspace: Alice and Bob are in it, Carol in the workspace alone."""

    def __init__(self, home, team_id, room_id):
        self.home, self.team_id, self.id = home, team_id, room_id

    async def begin(self, file_id=FILE, by="alice", reserved_bytes=1_000):
        place = await self.home.files.place(asks(by), self.id)
        new = NewFile(
            file_id=FileId(file_id),
            place=place,
            uploader=UserId(by),
            reserved_bytes=reserved_bytes,
            wrapped_key=b"wrapped",
            details="sealed details",
        )
        await self.home.files.begin(new, NOW_MS, DUE_MS)
        return new

    async def put(self, file_id=FILE, by="alice", size_bytes=400):
        """Have it there, on no message yet."""
        await self.begin(file_id, by)
        await self.home.files.finish(FileId(file_id), size_bytes, DUE_MS)

    async def send(self, *file_ids, by="alice", **options):
        post = NewPost(file_ids=tuple(map(FileId, file_ids)))
        return (await self.home.send(by, self.id, post=post, **options)).message

    async def edit(self, message, *file_ids, expected=0, by="alice"):
        """Have a message say something else, with these files."""
        change = PostChange(ciphertext="bmV3", metadata=None, file_ids=tuple(map(FileId, file_ids)))
        ref = MessageRef(message.message_id, self.id)
        posts = SqlPosts(self.home.database, self.home.bounds)
        return await posts.edit(UserId(by), ref, change, expected, NOW_MS)

    async def on(self, message):
        """The files that a message has."""
        found = await self.home.database.read(
            lambda: rows(
                "SELECT file_id FROM files WHERE seq = $1 AND state = 'ready' AND due_ms IS NULL "
                "ORDER BY file_id",
                message.seq,
            )
        )
        return [one for (one,) in found]

    async def noted(self):
        """Who has put or taken away which files."""
        found = await self.home.database.read(
            lambda: rows(
                "SELECT action, user_id, subject_id FROM audit WHERE room_id = $1 "
                "AND workspace_id = $2 AND action LIKE 'file_%' ORDER BY at_ms, subject_id, action",
                self.id,
                self.team_id,
            )
        )
        return [tuple(one) for one in found]

    async def get(self, who, file_id=FILE, now_ms=NOW_MS):
        return await self.home.files.get(asks(who), FileId(file_id), now_ms)

    async def held(self):
        """By the workspace, and by Alice but for her messages."""
        of_team = await self.ask(
            "SELECT file_bytes FROM workspaces WHERE workspace_id = $1", self.team_id
        )
        alice = await self.ask("SELECT bytes FROM stored_bytes WHERE user_id = 'alice'")
        return of_team, alice or 0

    async def ask(self, sql, *arguments):
        return await self.home.database.read(lambda: value(sql, *arguments))

    async def clean(self, now_ms):
        """What was garbage then."""
        gone = await self.home.files.garbage(now_ms, 100)
        await self.home.files.forget(gone)
        return gone


async def channel_on(home):
    team = await found(home, ["bob", "carol"])
    room_id = await home.room_of("alice", "bob")
    await home.change("UPDATE rooms SET workspace_id = $2 WHERE room_id = $1", room_id, team.id)
    return Channel(home, team.id, RoomId(room_id))

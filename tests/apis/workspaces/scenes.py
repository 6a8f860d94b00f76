"""One of each who may stand to a conversation, and one conversation of each kind."""

import re
from typing import Any

import aiohttp

from server.core.ids import new_id
from tests.apis.workspaces.people import Colleague, OpenAccount
from tests.apis.workspaces.rights import YES, Row
from tests.issuers import by_secret
from tests.servers import SECRET
from tests.transports.wire import Line

COLUMNS = {
    "owner": 0,
    "admin": 1,
    "member": 2,
    "colleague": 3,
    "former": 3,
    "boss": 3,
    "stranger": 4,
    "unclaimed": 4,
}
"""Of conversations. No rank in a workspace opens one, and none has what its token does not name."""

STAFF = {"boss": 0, "chief": 1, "colleague": 2, "stranger": 3, "unclaimed": 3}
"""Of workspaces."""

ROLES = {"boss": "OWNER", "other boss": "OWNER", "chief": "ADMIN", "deputy chief": "ADMIN"}
IN_WORKSPACE = (
    *ROLES,
    *("owner", "admin", "deputy", "member", "another", "former", "colleague"),
)
IN_ROOM = ("owner", "admin", "deputy", "member", "another", "former", "visitor")

NOBODY = "019a9d3e-0000-7000-8000-000000000000"


class Scene:
    """People in and out of a workspace, and things of theirs.

    Attributes:
        people: By what they are. `unclaimed` is `visitor` with a token that names nothing.
        ids: Of people and things.
        said: What somebody said in the channel, by who it was.
        lines: By which each emits events, if they do.
    """

    def __init__(self, http: aiohttp.ClientSession, workspace: str, boss: Colleague) -> None:
        self._http = http
        self.people = {"boss": boss}
        self.ids: dict[str, str] = {"workspace": workspace, "nobody": NOBODY}
        self.said: dict[str, str] = {}
        self.lines: dict[str, Line] = {}

    async def gather(self, open_account: OpenAccount) -> None:
        """Have one of each."""
        people, workspace = self.people, self.ids["workspace"]
        for name in ("stranger", "new", *IN_WORKSPACE[1:]):
            people[name] = await open_account(name.replace(" ", "-"))
        await self.restore()
        await people["stranger"].makes_workspace("Another")
        _, guest = await people["boss"].ask("POST", "/api/auth/guest", {})
        people["guest"] = Colleague(self._http, guest["user"]["id"], guest["token"])
        people["nobody"] = Colleague(self._http, NOBODY, None)
        for name, claims in (("visitor", {"workspaceId": workspace}), ("unclaimed", {})):
            token = by_secret({"sub": "visitor", **claims}, SECRET.encode())
            people[name] = Colleague(self._http, "visitor", token)
        assert len(await people["visitor"].workspaces()) == 1
        self.ids |= {name: str(one.user_id) for name, one in people.items()}

    async def restore(self) -> None:
        """Have everybody be again what it was in the workspace."""
        boss, workspace = self.people["other boss"], self.ids["workspace"]
        if not await boss.workspaces():
            boss = self.people["boss"]
        await boss.removes(workspace, self.people["new"])
        for name in IN_WORKSPACE:
            role = ROLES.get(name, "MEMBER")
            assert await boss.adds(workspace, self.people[name], role) == 200

    async def begin(self) -> None:
        """Have new conversations, in which everybody has said something."""
        people, workspace = self.people, self.ids["workspace"]
        owner = people["owner"]
        room = (await owner.makes(workspace, *(people[one] for one in IN_ROOM)))["id"]
        for name in ("admin", "deputy"):
            path = f"/chat/conversations/{room}/members/{people[name].user_id}/role"
            assert (await owner.ask("PUT", path, {"role": "ADMIN"}))[0] == 200
        self.said = {one: (await people[one].says(room, one))["id"] for one in IN_ROOM}
        put, unsent = [await people["another"].puts(room, b"bytes") for _ in range(2)]
        shown = await people["another"].says(room, "look", attachments=[{"fileId": put["id"]}])
        path = f"/chat/conversations/{room}/members/{people['former'].user_id}"
        assert (await people["former"].ask("DELETE", path))[0] == 200
        document = {"type": "DOCUMENT", "documentId": new_id()}
        made = await owner.makes(workspace, people["admin"], people["member"], **document)
        pair = await people["member"].makes(workspace, people["another"], type="DM")
        self.ids |= {
            "room": room,
            "document": made["id"],
            "document_id": made["documentId"],
            "dm": pair["id"],
            "file": put["id"],
            "unsent": unsent["id"],
            "theirs": shown["id"],
        }

    async def renew(self, *, has_moved: bool) -> None:
        """Have all as it was before somebody did something.

        Args:
            has_moved: Somebody may have come into the workspace, or left it.
        """
        if has_moved:
            await self.restore()
        await self.begin()

    async def seen(self) -> list[Any]:
        """All that a refusal could have changed."""
        room = f"/chat/conversations/{self.ids['room']}"
        asked = (
            ("boss", f"/chat/workspaces/{self.ids['workspace']}/members"),
            ("boss", f"/chat/presence/{self.ids['workspace']}"),
            ("owner", room),
            ("owner", f"{room}/messages"),
            ("owner", f"/chat/conversations/{self.ids['document']}"),
            ("member", f"/chat/conversations/{self.ids['dm']}"),
        )
        return [await self.people[who].ask("GET", path) for who, path in asked]

    async def asked(self, row: Row, caller: str) -> tuple[int, str]:
        """The status of an answer, and YES or the code of the refusal. Events have no status."""
        who = self.people[caller]
        ids = {**self.ids, "self": str(who.user_id), "own": self._own(caller)}
        method, path = filled(row.route, ids).split(" ")
        if method == "EMIT":
            told = await self.lines[caller].ask(path, filled(row.body, ids))
            return 0, YES if told["success"] else told["error"]
        given: dict[str, Any] = {"json": filled(row.body, ids)} if row.body else {}
        if row.content is not None:
            given = {"data": row.content}
        headers = {"Authorization": f"Bearer {who.token}"} if who.token else {}
        async with self._http.request(method, path, headers=headers, **given) as answer:
            is_good = answer.status < 300
            return answer.status, YES if is_good else (await answer.json())["code"]

    def _own(self, caller: str) -> str:
        """What the caller said; whoever said nothing tries what the owner said."""
        return self.said.get("visitor" if caller == "unclaimed" else caller, self.said["owner"])


def expected(row: Row, columns: dict[str, int]) -> dict[str, str]:
    """What each caller is to be answered."""
    answers = {caller: row.answers[column] for caller, column in columns.items()}
    return {**answers, "guest": row.guest, "nobody": "unauthenticated"}


def filled(value: Any, ids: dict[str, str]) -> Any:
    """The same with ids for what is in braces."""
    if isinstance(value, str):
        return re.sub(r"\{([^}]+)\}", lambda one: ids[one[1]], value)
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    return {name: filled(one, ids) for name, one in value.items()}

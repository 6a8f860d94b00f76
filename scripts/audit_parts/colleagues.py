"""What two colleagues say, name and send as files in a workspace: all of it is sealed at rest."""

import secrets
from typing import Any

import aiohttp

from scripts.audit_parts.forms import Secret
from scripts.demo_parts.line import DemoError
from scripts.demo_parts.secure_chat.device import Device

_TEXT_BYTES = 24
"""Of chance, so that each half of it is unique, too."""


def canary() -> str:
    """A text that is nowhere else."""
    return f"canary {secrets.token_hex(_TEXT_BYTES)} ~ë€?>"


class Colleagues:
    """Two people with an account each.

    Attributes:
        secrets: What they have said so far.
    """

    def __init__(self, one: Device, other: Device) -> None:
        self._one = one
        self._other = other
        self.secrets: list[Secret] = []

    async def talk(self) -> None:
        """Have them use all that the server seals.

        Raises:
            DemoError: The server refuses, or does not give back what they have said.
        """
        made = await self._one.request("POST", "/chat/workspaces", {"name": self._new("its name")})
        workspace_id = made["workspace"]["id"]
        member = {"userId": self._other.account.user_id}
        await self._one.request("POST", f"/chat/workspaces/{workspace_id}/members", member)
        channel = await self._make(workspace_id, is_opaque=False)
        await self._say(channel)
        await self._send_file(channel)
        await self._send_file(await self._make(workspace_id, is_opaque=True))

    async def _make(self, workspace_id: str, *, is_opaque: bool) -> str:
        """A channel; what an opaque one is called is its clients' to encrypt."""
        texts = ("name", "description", "icon")
        wish: dict[str, Any] = {
            "type": "GROUP",
            "workspaceId": workspace_id,
            "memberIds": [self._other.account.user_id],
            "isEncrypted": is_opaque,
            "name": "b3BhcXVl",
        }
        if not is_opaque:
            wish |= {one: self._new(f"a channel's {one}") for one in texts}
        made = await self._one.request("POST", "/chat/conversations", wish)
        return str(made["conversation"]["id"])

    async def _say(self, channel: str) -> None:
        """A message that stays, one that is edited, and one that is deleted; and look for one."""
        path = f"/chat/conversations/{channel}/messages"
        said = []
        for what in ("a message", "an edited message", "a deleted message"):
            body = {"content": self._new(what), "attachments": [{"note": self._new("a note")}]}
            said.append((await self._one.request("POST", path, body))["message"])
        kept, edited, deleted = (one["id"] for one in said)
        change = {"content": self._new("an edit")}
        await self._one.request("PUT", f"/chat/messages/{edited}", change)
        await self._one.request("DELETE", f"/chat/messages/{deleted}")
        word = said[0]["content"].split()[1]
        found = await self._other.request("GET", f"/chat/search?q={word}")
        if [one["id"] for one in found["messages"]] != [kept]:
            raise DemoError("what was said in a workspace is not found by its words")

    async def _send_file(self, channel: str) -> None:
        content = self._new("a file")
        form = aiohttp.FormData()
        form.add_field("file", content.encode(), filename=self._new("a file's name"))
        path = f"/chat/conversations/{channel}/files"
        file = (await self._one.request("POST", path, form))["file"]
        body = {"content": "c2Vl", "attachments": [{"fileId": file["id"]}]}
        await self._one.request("POST", f"/chat/conversations/{channel}/messages", body)
        if await self._other.fetch(file["url"], 0, file["size"] - 1) != content.encode():
            raise DemoError("a file is not what was sent")

    def _new(self, what: str) -> str:
        text = canary()
        self.secrets.append(Secret(f"of a workspace: {what}", text))
        return text

"""Somebody of a workspace with a device: keys and routes over HTTP, all else over Socket.IO."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from scripts.demo_parts.channel.talk import ChannelTalk, Message
from scripts.demo_parts.line import Line, RelayError
from scripts.demo_parts.protocol.channels import Channel, ChannelDevice, DeviceIdentity
from scripts.demo_parts.protocol.contents import Content
from scripts.demo_parts.protocol.envelopes import Envelope
from scripts.demo_parts.secure_chat.device import Account, Device

NAMESPACE = "/chat"


@dataclass(frozen=True)
class Sealed:
    """A message that is not sent yet, and the devices that can open it."""

    envelope: Envelope
    devices: tuple[ChannelDevice, ...]


class Colleague:
    """One person.

    Attributes:
        sent: Every message that the server has of it, as it told them.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, name: str) -> None:
        self.device = Device(http, Account(name), f"{name.lower()}-laptop")
        self.line = Line(url, name, lambda _event, _data: None, NAMESPACE)
        self.sent: list[Message] = []
        self.conversation_id = ""

    @property
    def name(self) -> str:
        return self.device.account.name

    @property
    def user_id(self) -> str:
        return self.device.account.user_id

    def whoami(self) -> DeviceIdentity:
        """The secrets of the device, as they are now."""
        one = self.device
        return DeviceIdentity(
            one.account.seed, one.keys.signed.secret, one.account.user_id, one.device_id
        )

    def secrets(self) -> Iterator[tuple[str, str | bytes]]:
        """What the server must not keep, by what it is."""
        yield from self.device.secrets()
        if self.conversation_id:
            yield from (("a message key", one) for one in self.talk.secrets())

    # --- coming and going ---

    async def connect(self, workspace_id: str) -> None:
        self.line.token = self.device.access_token
        await self.line.connect("websocket")
        await self.ask("join_workspace", workspaceId=workspace_id)

    async def enter(self, conversation_id: str) -> None:
        """Take part in a channel in which one is."""
        self.conversation_id = conversation_id
        self.talk = ChannelTalk(Channel(conversation_id), self.whoami)
        await self.ask("join_conversation", conversationId=conversation_id)

    async def ask(self, event: str, **fields: Any) -> dict[str, Any]:
        """The acknowledgement of an event.

        Raises:
            RelayError: It is refused.
        """
        return await self.line.ask(event, fields, lambda _answer: None)

    async def conversation(self) -> dict[str, Any]:
        path = f"/chat/conversations/{self.conversation_id}"
        found: dict[str, Any] = (await self.device.request("GET", path))["conversation"]
        return found

    # --- messages ---

    async def seal(self, content: Content) -> Sealed:
        """Make a message for all devices of those who are in the channel now."""
        conversation = await self.conversation()
        devices = tuple(
            [
                device
                for member in conversation["members"]
                for device in await self._devices_of(member["userId"])
            ]
        )
        now_ms = int(time.time() * 1000)
        sealed = self.talk.seal(content, devices, conversation["keyEpoch"], now_ms)
        return Sealed(sealed, devices)

    async def deliver(self, sealed: Sealed, attachments: tuple[str, ...] = ()) -> Message:
        """Send it, with these files.

        Raises:
            RelayError: `device_mismatch` if somebody has come or gone since it was sealed.
        """
        answer = await self.ask(
            "send_message",
            conversationId=self.conversation_id,
            attachments=[{"fileId": one} for one in attachments],
            **self.talk.fields(sealed.envelope, sealed.devices),
        )
        self.talk.settle(sealed.envelope)
        message: Message = answer["message"]
        self.sent.append(message)
        return message

    async def say(self, content: Content, attachments: tuple[str, ...] = ()) -> Message:
        """Seal and send; once more if just then somebody came or went."""
        try:
            return await self.deliver(await self.seal(content), attachments)
        except RelayError as error:
            if error.word != "device_mismatch":
                raise
            return await self.deliver(await self.seal(content), attachments)

    async def hear(self, message_id: str) -> tuple[Message, Content]:
        """A message, once it is told: as it came, and what it says."""
        told = await self.line.hear("message:new", lambda one: one["message"]["id"] == message_id)
        message: Message = told["message"]
        return message, await self.open(message)

    async def open(self, message: Message) -> Content:
        """What a message says.

        Raises:
            RefusedError: See `ChannelTalk.open`.
        """
        sender = str(message["userId"])
        if sender not in self.device.pinned:
            await self._devices_of(sender)
        return self.talk.open(message, self.device.pinned[sender])

    async def _devices_of(self, user_id: str) -> list[ChannelDevice]:
        bundles = await self.device.bundles_of(user_id)
        found = [ChannelDevice(user_id, one.device_id, one.identity, one.signed) for one in bundles]
        for one in found:
            one.check()
        return found

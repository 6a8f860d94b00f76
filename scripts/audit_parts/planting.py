"""What two throw-away accounts say to each other and in a workspace: all secrets are known."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from scripts.audit_parts.colleagues import Colleagues, canary
from scripts.audit_parts.forms import Secret
from scripts.demo_parts.line import DemoError
from scripts.demo_parts.secure_chat.device import Account, Device

PREKEYS = 2
"""Of each account: every secret more makes the search slower."""


class Planted(NamedTuple):
    """What was planted.

    Attributes:
        control: Ciphertext that the database must hold: who does not find it has looked elsewhere.
    """

    secrets: list[Secret]
    control: str


@asynccontextmanager
async def planted(http: aiohttp.ClientSession) -> AsyncIterator[Planted]:
    """Have a message in the server that nobody has read, and what two say in a workspace.

    In the end both accounts are deleted.

    Raises:
        DemoError: The server refuses.
    """
    text = canary()
    devices = [Device(http, Account(name), "phone", PREKEYS) for name in ("Planter", "Reader")]
    sender, reader = devices
    try:
        for device in devices:
            await device.enter()
        message_id = f"m-{secrets.token_hex(8)}"
        sent = await sender.send(reader.account.user_id, message_id, text)
        colleagues = Colleagues(sender, reader)
        await colleagues.talk()
        own = [Secret(label, value) for one in devices for label, value in one.secrets()]
        all_secrets = [Secret("the message", text), *colleagues.secrets, *own]
        yield Planted(all_secrets, sent["encryptedContent"])
    finally:
        await _delete(devices)


async def _delete(devices: list[Device]) -> None:
    """Delete the accounts of all that got one, after however long."""
    failures = []
    for device in devices:
        try:
            if device.refresh_token:
                await device.refresh()
                await device.delete_account()
        except (DemoError, aiohttp.ClientError, TimeoutError) as error:
            failures.append(f"{device.account.username} is still there: {error}")
    if failures:
        raise DemoError("; ".join(failures))

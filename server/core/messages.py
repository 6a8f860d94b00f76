"""What is said in a room: messages, signals, typing, notices of downloads."""

from collections.abc import Awaitable

from server.core.errors import AppError, Code
from server.core.events import FileDownloaded, MessageSent, SignalSent, TypingChanged
from server.core.ids import MessageId, Recipient, new_id
from server.core.opaque import Opaque
from server.core.parts import Parts
from server.core.ports import Draft
from server.core.rates import spend
from server.core.rooms import Actor


class Messages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def send(
        self,
        actor: Actor,
        ciphertext: Opaque,
        *,
        to: Recipient | None,
        is_broadcast: bool,
        content_type: str,
        message_id: MessageId | None,
    ) -> MessageSent:
        """Keep a message in the room's history and relay it; once for each message id.

        A repeat under the same id answers as the first did and delivers nothing again.

        Raises:
            AppError: NOT_A_MEMBER, RECIPIENT_NOT_FOUND, ID_CONFLICT, PAYLOAD_TOO_LARGE,
                RATE_LIMITED, SERVER_FULL.
        """
        self._check_size(ciphertext)
        now_ms = self._parts.clock.now_ms()
        await self._spend(actor, now_ms)
        draft = Draft(
            room_id=actor.room_id,
            connection_id=actor.connection_id,
            message_id=message_id or MessageId(new_id()),
            addressed_as=to,
            is_broadcast=is_broadcast,
            ciphertext=ciphertext,
            content_type=content_type,
        )
        appended = await self._parts.store.append(draft, now_ms)
        await self._parts.relay.said(appended)
        return appended.event

    async def signal(
        self, actor: Actor, ciphertext: Opaque, *, to: Recipient | None, is_broadcast: bool
    ) -> None:
        """Relay something to the others, or to one of them, who are there now; keep nothing.

        It costs as much of the rate as a message, and is no activity: a room in which
        programs signal and nobody says anything ends when its time is over.

        Raises:
            AppError: NOT_A_MEMBER, RECIPIENT_NOT_FOUND, PAYLOAD_TOO_LARGE, RATE_LIMITED.
        """
        self._check_size(ciphertext)
        now_ms = self._parts.clock.now_ms()
        await self._spend(actor, now_ms)
        recipient = await self._parts.store.recipient(
            actor.room_id, actor.connection_id, to, is_broadcast
        )
        await self._parts.relay.publish(
            SignalSent(
                room_id=actor.room_id,
                skip=actor.connection_id,
                sender=actor.user_id,
                recipient=recipient,
                addressed_as=to,
                ciphertext=ciphertext,
                sent_ms=now_ms,
            )
        )

    async def set_typing(self, actor: Actor, is_typing: bool) -> None:
        """Tell the others that the actor is, or is no longer, typing; keeps the room alive."""
        await self._parts.store.touch(
            actor.room_id, actor.connection_id, self._parts.clock.now_ms()
        )
        await self._parts.relay.publish(
            TypingChanged(
                room_id=actor.room_id,
                skip=actor.connection_id,
                user_id=actor.user_id,
                is_typing=is_typing,
            )
        )

    async def file_downloaded(
        self, actor: Actor, file_name: str, *, to: Recipient | None, is_broadcast: bool
    ) -> None:
        """Tell the others, or one of them, that the actor has downloaded a file.

        Raises:
            AppError: NOT_A_MEMBER, RECIPIENT_NOT_FOUND, RATE_LIMITED.
        """
        now_ms = self._parts.clock.now_ms()
        await self._spend(actor, now_ms)
        recipient = await self._parts.store.recipient(
            actor.room_id, actor.connection_id, to, is_broadcast
        )
        await self._parts.relay.publish(
            FileDownloaded(
                room_id=actor.room_id,
                skip=actor.connection_id,
                user_id=actor.user_id,
                file_name=file_name,
                recipient=recipient,
                downloaded_ms=now_ms,
            )
        )

    def _check_size(self, ciphertext: Opaque) -> None:
        limit_bytes = self._parts.bounds.ciphertext_bytes
        if ciphertext.size_bytes > limit_bytes:
            raise AppError(
                Code.PAYLOAD_TOO_LARGE, f"a message may have {limit_bytes} bytes; send it in parts"
            )

    def _spend(self, actor: Actor, now_ms: int) -> Awaitable[None]:
        # The length keeps two pairs of room and user from sharing a bucket.
        who = f"{len(actor.room_id)}:{actor.room_id}:{actor.user_id}"
        return spend(self._parts.limiter, "send", who, self._parts.rates.send, now_ms)

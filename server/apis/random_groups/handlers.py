"""What can be done in random groups. Events and routes share these."""

from server.apis.random_groups.requests import (
    Block,
    InGroup,
    Join,
    ListGroups,
    ListReports,
    Next,
    Nothing,
    OfUser,
    ReadMessages,
    ReportMember,
    Send,
    SetTyping,
)
from server.core.chat import Chat
from server.core.errors import AppError, Code
from server.core.events import Group, MessageSent
from server.core.expired import Expired
from server.core.groups import Visitor
from server.core.ids import MessageId, UserId
from server.core.matching import room_id_of
from server.core.ports import (
    GroupPage,
    GroupTotals,
    HistoryPage,
    Matched,
    Report,
    Reported,
    SavedKey,
)
from server.transports.api import NO_CONNECTION, Caller

EVERYBODY = frozenset({"", "all"})


async def join_group(chat: Chat, caller: Caller, request: Join) -> Matched:
    return await chat.groups.join(_visitor(caller), request.public_key, is_move=False)


async def next_group(chat: Chat, caller: Caller, request: Next) -> Matched:
    return await chat.groups.join(_visitor(caller), request.public_key, is_move=True)


async def leave_group(chat: Chat, caller: Caller, request: InGroup) -> None:
    await chat.groups.leave(_visitor(caller), room_id_of(request.group_id))


async def current_group(chat: Chat, caller: Caller, _: Nothing) -> Group | None:
    return await chat.groups.current(caller.signed_in())


async def send_message(chat: Chat, caller: Caller, request: Send) -> MessageSent:
    visitor = _visitor(caller)
    _check_claims(visitor.user.user_id, request)
    is_for_all = request.to is None or request.to in EVERYBODY
    return await chat.groups.send(
        visitor,
        room_id_of(request.group_id),
        request.encrypted_message,
        to=None if is_for_all else UserId(request.to or ""),
        content_type=request.message_type or "text",
        message_id=_id_of(request) or caller.repeated,
    )


def repeats(request: Send, said: MessageSent) -> bool:
    """Whether a request without an id says just what a message said."""
    to = None if request.to is None or request.to in EVERYBODY else request.to
    return (
        _id_of(request) is None
        and room_id_of(request.group_id) == said.room_id
        and to == said.recipient
        and (request.message_type or "text") == said.content_type
        and request.encrypted_message == said.ciphertext
    )


def _id_of(request: Send) -> MessageId | None:
    return request.id or request.message_id or request.client_message_id


async def read_messages(chat: Chat, caller: Caller, request: ReadMessages) -> HistoryPage:
    room_id = room_id_of(request.group_id)
    return await chat.groups.history(caller.signed_in(), room_id, request.before, request.limit)


async def typing_start(chat: Chat, caller: Caller, request: InGroup) -> None:
    await chat.groups.set_typing(_visitor(caller), room_id_of(request.group_id), is_typing=True)


async def typing_stop(chat: Chat, caller: Caller, request: InGroup) -> None:
    await chat.groups.set_typing(_visitor(caller), room_id_of(request.group_id), is_typing=False)


async def set_typing(chat: Chat, caller: Caller, request: SetTyping) -> None:
    room_id = room_id_of(request.group_id)
    await chat.groups.set_typing(_visitor(caller), room_id, is_typing=request.is_typing)


async def block_member(chat: Chat, caller: Caller, request: Block | OfUser) -> None:
    await chat.groups.block(caller.signed_in(), request.user_id)


async def unblock_member(chat: Chat, caller: Caller, request: OfUser) -> None:
    await chat.groups.unblock(caller.signed_in(), request.user_id)


async def report_member(chat: Chat, caller: Caller, request: ReportMember) -> Reported:
    return await chat.groups.report(
        _visitor(caller),
        room_id_of(request.group_id),
        request.user_id,
        request.reason,
        request.evidence,
    )


async def public_key(chat: Chat, caller: Caller, request: OfUser) -> SavedKey:
    return await chat.identities.key_of(caller.signed_in(), request.user_id)


async def stats(chat: Chat, caller: Caller, _: Nothing) -> GroupTotals:
    return await chat.groups.totals(caller.address)


async def list_groups(chat: Chat, _: Caller, request: ListGroups) -> GroupPage:
    return await chat.groups.page((request.page - 1) * request.limit, request.limit)


async def clean_up(chat: Chat, _: Caller, __: Nothing) -> Expired:
    return await chat.groups.expire()


async def list_reports(chat: Chat, _: Caller, request: ListReports) -> tuple[Report, ...]:
    return await chat.groups.reports(request.after, request.limit)


def _visitor(caller: Caller) -> Visitor:
    is_connected = caller.connection_id != NO_CONNECTION
    connection_id = caller.connection_id if is_connected else None
    return Visitor(caller.signed_in(), caller.address, connection_id)


def _check_claims(user_id: UserId, request: Send) -> None:
    if not {user_id, None}.issuperset((request.sender, request.sender_id, request.user_id)):
        raise AppError(Code.FORBIDDEN, "you are somebody else")

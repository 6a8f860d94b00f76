"""What operators can do."""

from server.apis.event_queue.requests.admin import AskStatistics, Cleanup
from server.core.chat import Chat
from server.core.ports.queues import QueueStatistics
from server.transports.api import Caller


async def read_statistics(chat: Chat, caller: Caller, request: AskStatistics) -> QueueStatistics:
    return await chat.queues.statistics()


async def clean_up(chat: Chat, caller: Caller, request: Cleanup) -> int:
    return await chat.queues.expire_now()

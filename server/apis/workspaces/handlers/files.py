"""What can be done with files."""

from server.apis.workspaces.requests.files import FetchFile, UploadFile
from server.core.chat import Chat
from server.core.ports.files import Download
from server.core.workspaces.files import File
from server.transports.api import Caller


async def upload_file(chat: Chat, caller: Caller, request: UploadFile) -> File:
    return await chat.files.upload(caller.signed_in(), request.conversation_id, caller.file())


async def fetch_file(chat: Chat, caller: Caller, request: FetchFile) -> Download:
    return await chat.files.download(caller.signed_in(), request.file_id)

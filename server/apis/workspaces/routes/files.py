"""The REST routes of files."""

from server.apis.workspaces.handlers import files as handlers
from server.apis.workspaces.render import files as render
from server.apis.workspaces.requests import files as requests
from server.core.errors import Code
from server.transports.api import Access, Route, Stream

ROUTES = (
    Route(
        "POST",
        "/chat/conversations/{conversationId}/files",
        requests.UploadFile,
        handlers.upload_file,
        render.one,
        "Put a file into a conversation, for a message to have within a day",
        access=Access.USER,
        statuses=(201,),
        refusals=(Code.FORBIDDEN, Code.NOT_FOUND, Code.LIMIT_REACHED),
        stream=Stream.UP,
    ),
    Route(
        "GET",
        "/chat/files/{fileId}",
        requests.FetchFile,
        handlers.fetch_file,
        render.content,
        "Fetch a file, or a range of it, as an attachment",
        access=Access.USER,
        refusals=(Code.FORBIDDEN, Code.NOT_FOUND),
        stream=Stream.DOWN,
    ),
)

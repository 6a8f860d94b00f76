"""What operators can do with workspaces."""

from server.apis.workspaces.requests.operators import ReadAudit, RewrapKeys, RotateKey
from server.core.chat import Chat
from server.core.ids import WorkspaceId
from server.core.ports.workspaces import Entry
from server.core.workspaces.rotation import Rewrapped
from server.transports.api import Caller

REWRAPPED = 500
"""Keys of one request."""


async def rotate_key(chat: Chat, caller: Caller, request: RotateKey) -> int:
    return await chat.rotation.rotate(request.workspace_id)


async def rewrap_keys(chat: Chat, caller: Caller, request: RewrapKeys) -> Rewrapped:
    after = None
    if request.after is not None:
        version, workspace_id = request.after.split(".", 1)
        after = (WorkspaceId(workspace_id), int(version))
    return await chat.rotation.rewrap(after, REWRAPPED)


async def read_audit(chat: Chat, caller: Caller, request: ReadAudit) -> tuple[Entry, ...]:
    before = None
    if request.before is not None:
        at_ms, entry_id = request.before.split(".", 1)
        before = (int(at_ms), entry_id)
    return await chat.workspaces.audit(request.workspace_id, before, request.limit)

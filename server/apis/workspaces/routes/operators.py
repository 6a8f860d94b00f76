"""The REST routes by which operators look after workspaces."""

from server.apis.workspaces.handlers import operators as handlers
from server.apis.workspaces.render import operators as render
from server.apis.workspaces.requests import operators as requests
from server.core.errors import Code
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "POST",
        "/api/admin/workspaces/{workspaceId}/rotate-key",
        requests.RotateKey,
        handlers.rotate_key,
        render.rotated,
        "Have everything in a workspace sealed under another key, by and by",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND, Code.ID_CONFLICT),
    ),
    Route(
        "POST",
        "/api/admin/workspaces/rewrap-keys",
        requests.RewrapKeys,
        handlers.rewrap_keys,
        render.rewrapped,
        "Keep the keys of workspaces under the newest master key",
        access=Access.OPERATOR,
    ),
    Route(
        "GET",
        "/api/admin/workspaces/{workspaceId}/audit",
        requests.ReadAudit,
        handlers.read_audit,
        render.audit,
        "What was done in a workspace, and by whom: ids only",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND,),
    ),
)

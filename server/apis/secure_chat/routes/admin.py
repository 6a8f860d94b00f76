"""The operators' routes about accounts."""

from server.apis.secure_chat.handlers import admin as handlers
from server.apis.secure_chat.render import admin as render
from server.apis.secure_chat.requests import admin as requests
from server.core.errors import Code
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "GET",
        "/api/admin/accounts",
        requests.ListAccounts,
        handlers.list_accounts,
        render.accounts,
        "List the accounts, or look one up by name",
        access=Access.OPERATOR,
    ),
    Route(
        "POST",
        "/api/admin/accounts/{userId}/ban",
        requests.OfAccount,
        handlers.ban,
        render.changed,
        "Sign an account out, and let it in no more",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/admin/accounts/{userId}/unban",
        requests.OfAccount,
        handlers.unban,
        render.changed,
        "Let it in again",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/admin/accounts/{userId}/promote",
        requests.OfAccount,
        handlers.promote,
        render.changed,
        "Let an account do what operators may",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/admin/accounts/{userId}/demote",
        requests.OfAccount,
        handlers.demote,
        render.changed,
        "Make it no operator any more",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/admin/accounts/{userId}/revoke-devices",
        requests.RevokeDevices,
        handlers.revoke_devices,
        render.revoked,
        "End a device of an account for good, or all of them",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND,),
    ),
    Route(
        "POST",
        "/api/admin/accounts/{userId}/reset-password",
        requests.OfAccount,
        handlers.reset_password,
        render.reset,
        "Give an account a password that signs in once",
        access=Access.OPERATOR,
        refusals=(Code.NOT_FOUND, Code.FORBIDDEN),
    ),
)

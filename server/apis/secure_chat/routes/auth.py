"""The REST routes of accounts."""

from server.apis.secure_chat.handlers import auth as handlers
from server.apis.secure_chat.render import auth as render
from server.apis.secure_chat.requests import auth as requests
from server.transports.api import Access, Route

ROUTES = (
    Route(
        "POST",
        "/api/auth/signup",
        requests.SignUp,
        handlers.sign_up,
        render.signed_up,
        "Make an account",
    ),
    Route(
        "POST",
        "/api/auth/login",
        requests.LogIn,
        handlers.log_in,
        render.logged_in,
        "Sign a device in, or begin to",
    ),
    Route(
        "POST",
        "/api/auth/refresh",
        requests.Refresh,
        handlers.refresh,
        render.refreshed,
        "Exchange a refresh token, which is good once, for new tokens",
    ),
    Route(
        "POST",
        "/api/auth/logout",
        requests.LogOut,
        handlers.log_out,
        render.logged_out,
        "Sign this device out, or all",
    ),
    Route(
        "POST",
        "/api/auth/password",
        requests.ChangePassword,
        handlers.change_password,
        render.password_changed,
        "Change the password, and sign all other devices out",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/auth/account",
        requests.DeleteAccount,
        handlers.delete_account,
        render.deleted,
        "Delete the account for good",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/auth/devices",
        requests.Nothing,
        handlers.devices,
        render.devices,
        "One's own devices",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/auth/devices/{deviceId}",
        requests.OfDevice,
        handlers.revoke_device,
        render.revoked,
        "End a device for good",
        access=Access.USER,
    ),
    Route(
        "GET",
        "/api/users/blocks",
        requests.Nothing,
        handlers.blocks,
        render.blocks,
        "Whom one has blocked",
        access=Access.USER,
    ),
    Route(
        "POST",
        "/api/users/blocks",
        requests.OfUser,
        handlers.block,
        render.blocked,
        "Have somebody's messages refused",
        access=Access.USER,
    ),
    Route(
        "DELETE",
        "/api/users/blocks/{userId}",
        requests.OfUser,
        handlers.unblock,
        render.unblocked,
        "Undo a block",
        access=Access.USER,
    ),
)

"""The built-in browser client over HTTP: the page at `/`, and its files at `/client/…`.

The files are public, static and the same for everybody, so that pages of any origin may import
the client library. The page is under the strictest policy that it can work with.
"""

import re
from collections.abc import Mapping

from aiohttp import web

from server.core.errors import AppError, Code
from server.transports.http import CLIENT_ROUTE, json_response
from server.transports.web_files import Client, File, Form
from server.version import VERSION

_SWITCHED_OFF = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "storage-access",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
"""Powers of a page that this one does not use, of those that browsers know by name everywhere."""

PERMISSIONS = ", ".join(["clipboard-write=(self)", *(f"{name}=()" for name in _SWITCHED_OFF)])


class Web:
    """Answers browsers with the client, and everybody else with the status of the server."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._page_headers = {
            **page_policies(client.inline_hashes),
            "Permissions-Policy": PERMISSIONS,
        }

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self._home)
        app.router.add_get(CLIENT_ROUTE, self._file)

    async def _home(self, request: web.Request) -> web.Response:
        if "text/html" in request.headers.get("Accept", ""):
            # Not kept by browsers: it must never name other hashes than the files have.
            return page_response(request, self._client.page, self._page_headers)
        return json_response(
            {"name": "Hushwire", "status": "ok", "version": VERSION, "socketio": "/socket.io/"}
        )

    async def _file(self, request: web.Request) -> web.Response:
        file = self._client.files.get(request.match_info["path"])
        if file is None:
            raise AppError(Code.NOT_FOUND, "the client has no such file")
        return file_response(request, file)


def page_response(request: web.Request, page: File, headers: Mapping[str, str]) -> web.Response:
    """A page, with the policies under which it stands."""
    return _response(page, _form_for(request, page), headers)


def file_response(request: web.Request, file: File) -> web.Response:
    """A file that browsers keep, and ask each time whether it is still the same."""
    form = _form_for(request, file)
    headers = {"Cache-Control": "no-cache", "ETag": f'"{form.etag}"'}
    if _has(request, form.etag):
        return web.Response(status=304, headers=headers)
    return _response(file, form, headers)


def page_policies(inline_hashes: tuple[str, ...]) -> dict[str, str]:
    """The headers of the page that keep out what is not of this client.

    Args:
        inline_hashes: Of the inline scripts that it has.
    """
    return policies(_content_policy(inline_hashes))


def policies(content_policy: str) -> dict[str, str]:
    """The headers of a page that loads nothing but scripts whose hashes it names."""
    return {
        "Content-Security-Policy": content_policy,
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Integrity-Policy": "blocked-destinations=(script)",
    }


def _content_policy(inline_hashes: tuple[str, ...]) -> str:
    scripts = " ".join(["'self'", *(f"'{one}'" for one in inline_hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; "
        "img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _response(file: File, form: Form, headers: Mapping[str, str]) -> web.Response:
    answer = web.Response(body=form.body, headers={"Content-Type": file.content_type, **headers})
    if form is file.gzipped:
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def _form_for(request: web.Request, file: File) -> Form:
    if file.gzipped and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        return file.gzipped
    return file.plain


def _takes_gzip(accepted: str) -> bool:
    """RFC 9110, section 12.5.3; weight zero is a refusal."""
    codings = (one.partition(";") for one in accepted.lower().split(","))
    return any(
        coding.strip() == "gzip" and not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
        for coding, _, weight in codings
    )


def _has(request: web.Request, etag: str) -> bool:
    """Whether the client has this form already."""
    return any(one.value in ("*", etag) for one in request.if_none_match or ())

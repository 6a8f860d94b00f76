"""The pages at `/docs` and `/redoc`, for people who read the documentation, and their files.

They hold third-party code that writes much markup, hence stand apart from the client: under
their own policy, and read only when somebody asks for them.
"""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

from server.transports.web import PERMISSIONS, policies
from server.transports.web_files import File, file_of, read_files, served, with_integrity

PREFIX = "docs/"
"""Of a file's address; relative to the page, so that a proxy may put all of it into a folder."""

SWAGGER, REDOC = "docs", "redoc"
"""The pages, by what they are called in addresses."""

_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
)
"""Of style elements that ReDoc makes: an empty one, whose rules are not text, and its scrollbar."""

_CONTENT_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {_STYLES}; "
    "img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types default dompurify"
)

HEADERS = {**policies(_CONTENT_POLICY), "Permissions-Policy": PERMISSIONS}
"""Of the pages: markup may be made of text there, but nothing that runs."""


class DocsPages(Struct, frozen=True):
    """What is served.

    Attributes:
        pages: By what they are called.
        files: By their paths under `/docs/`.
    """

    pages: Mapping[str, File]
    files: Mapping[str, File]


def built_in_pages() -> DocsPages:
    """Those of this checkout or package; reading and packing them takes a part of a second."""
    folder = files("server").joinpath("docs")
    sources = read_files(folder)
    pages = {name: _page(folder, f"{name}.html", sources) for name in (SWAGGER, REDOC)}
    return DocsPages(pages, served(sources))


def _page(folder: Traversable, name: str, sources: Mapping[str, bytes]) -> File:
    text = with_integrity(folder.joinpath(name).read_text("utf-8"), PREFIX, sources, name)
    return file_of(text.encode(), "text/html; charset=utf-8")

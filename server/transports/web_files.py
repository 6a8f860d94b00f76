"""The built-in browser client as it is served: every file of `server/web`, read once.

The page is a template. At the start it is filled from the files themselves:

- `<script … src="client/…">` and `<link rel="stylesheet" href="client/…">` get `integrity`;
- `<!-- modules -->`, in the head before any script, becomes an import map with the hash of
  every module, and a `modulepreload` of each that the scripts of the page import statically.

So a browser runs just the bytes that are in the checkout, or nothing, also of the modules that
are imported later, and it has them all after one round trip.
"""

import base64
import functools
import gzip
import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""What is served, by the end of its name. Anything else stays here, the page's source too."""

PAGE = "index.html"
MODULES_MARK = "<!-- modules -->"
PREFIX = "client/"
"""Of a file's address; relative to the page, so that a proxy may put all of it into a folder."""

_LOADED = r'<(?:script\b[^>]*?\ssrc|link rel="stylesheet"[^>]*?\shref)="{prefix}([^"]+)"'
_IMPORTED = re.compile(
    r'^(?:import|export)\b(?:[\w$\s{},*]*?\bfrom)?\s*"(\.{1,2}/[^"]+)"', re.MULTILINE
)


class Form(Struct, frozen=True):
    """One of the forms in which a file is sent."""

    body: bytes
    etag: str


class File(Struct, frozen=True):
    """One file.

    Attributes:
        gzipped: None if that would not be smaller.
    """

    content_type: str
    plain: Form
    gzipped: Form | None


class Client(Struct, frozen=True):
    """The browser client, which does not change while the server runs.

    Attributes:
        page: What is at `/`.
        inline_hashes: Of the inline scripts in the page, as a content security policy has them.
        files: By their paths under `/client/`.
    """

    page: File
    inline_hashes: tuple[str, ...]
    files: Mapping[str, File]


@functools.cache
def built_in() -> Client:
    """The client of this checkout or package."""
    return read_client(files("server").joinpath("web"))


def read_client(folder: Traversable) -> Client:
    """Read a client.

    Raises:
        ValueError: The page or a module names a file that is not there.
    """
    sources = read_files(folder)
    page, import_map = _fill(folder.joinpath(PAGE).read_text("utf-8"), sources)
    return Client(
        page=file_of(page.encode(), "text/html; charset=utf-8"),
        inline_hashes=(_hash(import_map.encode(), "sha256"),),
        files=served(sources),
    )


def read_files(folder: Traversable) -> dict[str, bytes]:
    """All that may be served of a folder, by the paths in it."""
    return dict(_read(folder))


def served(sources: Mapping[str, bytes]) -> dict[str, File]:
    """Files by their paths, each with the type of its name."""
    return {path: file_of(body, CONTENT_TYPES[_end(path)]) for path, body in sources.items()}


def with_integrity(page: str, prefix: str, sources: Mapping[str, bytes], name: str = PAGE) -> str:
    """A page whose scripts and style sheets under this address have the hashes of these files.

    Raises:
        ValueError: It names one that is not there.
    """

    def hashed(found: re.Match[str]) -> str:
        _check_is_there(name, found[1], sources)
        return f'{found[0]} integrity="{integrity(sources[found[1]])}"'

    return re.sub(_LOADED.format(prefix=prefix), hashed, page)


def integrity(body: bytes) -> str:
    """As `integrity` attributes have it."""
    return _hash(body, "sha384")


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        elif _end(entry.name) in CONTENT_TYPES:
            yield prefix + entry.name, entry.read_bytes()


def _end(name: str) -> str:
    return posixpath.splitext(name)[1]


def file_of(body: bytes, content_type: str) -> File:
    """A file with this content, packed if that makes it smaller."""
    # Without a time in it, so that every node has the same.
    packed = gzip.compress(body, mtime=0)
    gzipped = _form(packed) if len(packed) < len(body) else None
    return File(content_type, _form(body), gzipped)


def _form(body: bytes) -> Form:
    return Form(body, hashlib.sha256(body).hexdigest())


def _hash(body: bytes, algorithm: str) -> str:
    digest = hashlib.new(algorithm, body).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


# --- the page ---


def _fill(template: str, sources: Mapping[str, bytes]) -> tuple[str, str]:
    """The page, and the import map in it."""
    if template.count(MODULES_MARK) != 1:
        raise ValueError(f"{PAGE} needs {MODULES_MARK} once")
    page = with_integrity(template, PREFIX, sources)
    loaded = re.findall(_LOADED.format(prefix=PREFIX), template)
    hashes = {path: integrity(body) for path, body in sources.items()}
    import_map = _import_map(hashes)
    preloads = [
        f'<link rel="modulepreload" href="{PREFIX}{path}" integrity="{hashes[path]}">'
        for path in _imported(loaded, sources)
    ]
    head = [f'<script type="importmap">{import_map}</script>', *preloads]
    return page.replace(MODULES_MARK, "\n".join(head)), import_map


def _import_map(hashes: Mapping[str, str]) -> str:
    modules = {f"./{PREFIX}{path}": hashes[path] for path in hashes if _end(path) == ".js"}
    return json.dumps({"integrity": modules}, indent=0)


def _imported(roots: list[str], sources: Mapping[str, bytes]) -> list[str]:
    """What these modules import, and what that imports in turn, without themselves."""
    found = dict.fromkeys(root for root in roots if _end(root) == ".js")
    waiting = list(found)
    for path in waiting:  # it grows meanwhile
        for name in _IMPORTED.findall(sources[path].decode()):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            _check_is_there(path, target, sources)
            if target not in found:
                found[target] = None
                waiting.append(target)
    return [path for path in found if path not in roots]


def _check_is_there(path: str, target: str, sources: Mapping[str, bytes]) -> None:
    if target not in sources:
        raise ValueError(f"server/web/{path} names {target}, which is not there")

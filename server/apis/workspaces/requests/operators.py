"""What operators may ask of workspaces."""

from typing import Annotated

from msgspec import Meta, Struct

from server.core.ids import WorkspaceId

KeyCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,9}\.[!-~]{1,128}$(?!\n)")]
"""A version and a workspace, as an answer before gave them."""

EntryCursor = Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[!-~]{1,128}$(?!\n)")]
"""A time and an entry, as an answer before gave them."""


class RotateKey(Struct, frozen=True, rename="camel"):
    workspace_id: WorkspaceId


class RewrapKeys(Struct, frozen=True):
    """`after` is `next` of the answer before."""

    after: KeyCursor | None = None


class ReadAudit(Struct, frozen=True, rename="camel"):
    """`before` is `next` of the page before."""

    workspace_id: WorkspaceId
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    before: EntryCursor | None = None

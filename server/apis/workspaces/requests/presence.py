"""What clients may ask of who is there."""

from typing import Literal

from server.apis.workspaces.requests.workspaces import OfWorkspace

StandingWord = Literal["online", "away", "busy", "offline"]


class UpdatePresence(OfWorkspace, frozen=True, kw_only=True, rename="camel"):
    status: StandingWord

"""Why something that came from outside is not accepted."""


class RefusedError(Exception):
    """What arrived is not what the protocol allows."""


class MalformedError(RefusedError):
    """It is not of the form that it must have: it was cut, or another program wrote it."""


class ForgedError(RefusedError):
    """It is of the right form, but not by whom, for whom or where it should be."""


class LinkError(MalformedError):
    """It is no link, or none that can be used.

    Attributes:
        reason: none, incomplete or newer.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason

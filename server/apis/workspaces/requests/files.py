"""What clients may ask of files."""

from msgspec import Struct

from server.core.ids import FileId, RoomId


class UploadFile(Struct, frozen=True):
    """Its body is the file."""

    id: RoomId


class FetchFile(Struct, frozen=True):
    id: FileId

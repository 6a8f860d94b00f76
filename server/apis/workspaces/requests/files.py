"""What clients may ask of files."""

from msgspec import Struct

from server.core.ids import FileId, RoomId


class UploadFile(Struct, frozen=True, rename="camel"):
    """Its body is the file."""

    conversation_id: RoomId


class FetchFile(Struct, frozen=True, rename="camel"):
    file_id: FileId

"""What stores say when they refuse: every backend in the same words."""

from server.core.errors import AppError, Code


def rooms_full() -> AppError:
    return AppError(Code.SERVER_FULL, "the relay has as many rooms as it may; try later")


def space_full() -> AppError:
    return AppError(Code.SERVER_FULL, "the relay's memory for rooms is full; try later")


def room_exists() -> AppError:
    return AppError(Code.ROOM_EXISTS, "that id is taken under another key; choose another")


def room_not_found() -> AppError:
    return AppError(Code.ROOM_NOT_FOUND, "nobody has made this room, or it has ended")


def invalid_key() -> AppError:
    return AppError(Code.INVALID_KEY, "the key does not fit this room")


def too_many_rooms(bound: int) -> AppError:
    return AppError(
        Code.TOO_MANY_ROOMS,
        f"one connection may be in {bound} rooms; leave one",
    )


def somebody_else() -> AppError:
    return AppError(Code.FORBIDDEN, "this connection is somebody else here; leave first")


def user_id_taken() -> AppError:
    return AppError(Code.USER_ID_TAKEN, "that user id is in use here; choose another")


def room_locked() -> AppError:
    # Whoever was put out knows the public keys of all who are in.
    return AppError(Code.ROOM_LOCKED, "the room is locked; ask its creator to let you in")


def room_full(capacity: int) -> AppError:
    return AppError(Code.ROOM_FULL, f"the room holds {capacity} members")


def not_a_member() -> AppError:
    return AppError(Code.NOT_A_MEMBER, "join first")


def not_proved() -> AppError:
    return AppError(Code.FORBIDDEN, "only a connection with the member token may do so")


def not_the_creator() -> AppError:
    return AppError(Code.FORBIDDEN, "only the creator may do so, with the member token")


def removing_oneself() -> AppError:
    return AppError(Code.FORBIDDEN, "leave the room instead of removing yourself")


def recipient_not_found() -> AppError:
    return AppError(Code.RECIPIENT_NOT_FOUND, "no member has that user id")


def id_conflict() -> AppError:
    return AppError(Code.ID_CONFLICT, "another sender has used that message id; make a new one")

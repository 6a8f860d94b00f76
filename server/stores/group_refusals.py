"""What stores of random groups say when they refuse: every backend in the same words."""

from server.core.errors import AppError, Code
from server.core.limits import Bounds


def not_in_group() -> AppError:
    return AppError(Code.NOT_FOUND, "you are in no group of that id")


def groups_full() -> AppError:
    return AppError(Code.SERVER_FULL, "the relay has as many groups as it may; try later")


def users_full() -> AppError:
    return AppError(Code.SERVER_FULL, "the relay knows as many users as it may; try later")


def key_missing() -> AppError:
    return AppError(Code.INVALID_REQUEST, "publicKey is missing, and there was none before")


def recipient_not_found() -> AppError:
    return AppError(Code.RECIPIENT_NOT_FOUND, "no member of that id takes messages from you")


def message_not_found() -> AppError:
    return AppError(Code.NOT_FOUND, "no message of that id is remembered")


def blocking_oneself() -> AppError:
    return AppError(Code.FORBIDDEN, "you cannot block yourself")


def blocks_full(bounds: Bounds) -> AppError:
    limit = bounds.blocks_per_user
    return AppError(Code.LIMIT_REACHED, f"you may block {limit}; unblock somebody first")


def reporting_oneself() -> AppError:
    return AppError(Code.FORBIDDEN, "you cannot report yourself")


def nobody_to_report() -> AppError:
    return AppError(Code.RECIPIENT_NOT_FOUND, "nobody of that user id is here or said a word")

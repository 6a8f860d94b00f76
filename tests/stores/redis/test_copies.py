"""What is acknowledged is on a replica, unless that has been behind for too long."""

from server.stores.redis.copies import LIMIT_MS, PATIENCE_S, Copies


def test_what_a_replica_has_is_enough() -> None:
    assert Copies().are_enough(1, 0.0)


def test_what_no_replica_has_is_not_acknowledged() -> None:
    copies = Copies()

    assert not copies.are_enough(0, 0.0)
    assert not copies.are_enough(0, PATIENCE_S - 0.1)


def test_a_replica_that_is_behind_for_too_long_is_waited_for_no_more() -> None:
    copies = Copies()
    copies.are_enough(0, 0.0)

    assert copies.are_enough(0, PATIENCE_S)
    assert copies.limit_ms < 10


def test_one_that_keeps_up_again_is_waited_for_again() -> None:
    copies = Copies()
    copies.are_enough(0, 0.0)
    copies.are_enough(0, PATIENCE_S)

    assert copies.are_enough(1, PATIENCE_S + 1)

    assert copies.limit_ms == LIMIT_MS
    assert not copies.are_enough(0, PATIENCE_S + 2)


def test_the_time_begins_anew_with_each_copy() -> None:
    copies = Copies()
    copies.are_enough(0, 0.0)
    copies.are_enough(1, 2.0)

    assert not copies.are_enough(0, PATIENCE_S + 1)

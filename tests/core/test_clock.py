"""The machine's clock as the core sees it."""

import time

from server.core.clock import SystemClock


def test_the_clock_says_the_milliseconds_since_the_epoch():
    before = time.time_ns() // 1_000_000
    now_ms = SystemClock().now_ms()
    after = time.time_ns() // 1_000_000

    assert isinstance(now_ms, int)
    assert before - 1 <= now_ms <= after + 1


def test_the_clock_goes_on_when_the_machines_time_is_set_back(monkeypatch):
    clock = SystemClock()
    before = clock.now_ms()

    monkeypatch.setattr(time, "time_ns", lambda: 0)

    assert before <= clock.now_ms() < before + 60_000


def test_the_clock_goes_with_the_time_that_passes(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 5_000_000)
    clock = SystemClock()
    monkeypatch.setattr(time, "monotonic_ns", lambda: 5_000_000 + 1_234_000_000)

    assert clock.now_ms() == 1_800_000_001_234

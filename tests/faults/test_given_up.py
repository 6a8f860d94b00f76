"""Nodes that are away for so long that the others give them up, and come back."""

from pathlib import Path

import pytest

from tests.faults.plays import PLAY_LIMIT_S, played

pytestmark = pytest.mark.timeout(PLAY_LIMIT_S)


async def test_who_was_cut_off_or_hung_for_long_lets_its_clients_go_and_they_lose_nothing(
    tmp_path: Path,
) -> None:
    report = await played(tmp_path, "give-up")

    assert report.refused
    assert report.done["came back"] >= 2 * 4

import pytest

from tests.web.strangers.by_hand import Relay


@pytest.fixture
def relay():
    return Relay()


@pytest.fixture
def trio(relay):
    return relay.gather("Ann", "Bob", "Cy")

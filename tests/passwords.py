"""What passwords cost in tests: next to nothing. See tests/core/test_passwords.py."""

from server.core.passwords import Strength

WEAK = Strength(rounds=1, memory_bytes=8192)

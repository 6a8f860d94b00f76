"""The scripts that read and write a room's log: whoever tells of events uses them."""

from server.stores.redis.scripts import Script

MISSED = Script("log/missed", ("members",))
PUBLISH = Script("log/publish")

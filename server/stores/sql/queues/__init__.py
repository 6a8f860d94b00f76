"""Queues of events in SQL: `SqlQueues`.

So that nobody waits in a circle, every transaction locks in this order, and what it skips it skips:

1. accounts, by their ids (`lock_accounts`; an account that is deleted or blocks). Whoever makes a
   queue (`making`) has its account locked, as has whoever ends one: so nobody waits for one that
   is being made, and rooms may be locked after that;
2. rooms, by their ids: groups of events are only shared (`lock_groups`), whoever changes a room or
   leaves all of them has it alone;
   Then `room_members`, by room and user (`take_part`), as who revokes a device has them first;
3. queues, by user and device: `lock_queues`, `acknowledge_all`, `see`, `announce`. Who deletes an
   account locks its own queues together with those in which that is told. Expiry takes only queues
   that nobody has locked, and leaves the others for the next time;
4. events: new ones by sender and id (`insert_events`), others by their keys (`leave`). An event
   changes only for who has a queue locked in which it waits; one that is in no queue, only when it
   is forgotten;
5. `stored_bytes`, by user, once in a transaction and last of all.

Batches wait for nothing in 1, 2 and 3, but leave what is locked, and what is for somebody without
a queue, to a transaction of its own.

One thing is out of order, rare, and resolved by PostgreSQL, after which it is tried again: when
several devices are revoked at once, the bytes of each are given back.
"""

from server.stores.sql.queues.announcing import Announcement, announce
from server.stores.sql.queues.leaving import leave_queues
from server.stores.sql.queues.queues import SqlQueues

__all__ = ["Announcement", "SqlQueues", "announce", "leave_queues"]

"""The same traffic over python-socketio as shipped and over our transport: all hear the same.

Compared are the decoded packets of each client in their order, and of the handshake what is in
it but the id. Guests act one after the other, each to its end, since the order among several
senders is nobody's promise. Left out, or made equal, are these faults of stock's:

- It answers CONNECT to an unknown namespace with a bare text, which official clients cannot
  show: ours has the shape of an error, as in Node's server. Both count as "no such namespace".
- It answers CONNECT to a namespace that is open already with CONNECT_ERROR, by which official
  clients take the open one for failed; ours is silent. Nobody does that here.
- It drops POSTs of more than 16 packets, which official clients send: more go in several here.
- It says `OK` to a POST, where the protocol has `ok`: only the status counts here.
- It takes an Engine.IO CLOSE for a wish to leave all namespaces, so that a browser that goes
  away for a moment has left: pollers who hang up send DISCONNECT before it here.
- It does not notice a poll that was dropped before the next ping: pollers drop none here.
- It encodes an attachment for all receivers of a broadcast as for the first, so that WebSockets
  get base64 as text, or polls raw bytes: broadcasts with binary are only made here while all
  guests are on the same transport, and on both by a test of ours alone.
- It goes on when packets are malformed (among them events before any CONNECT, attachments for
  a namespace that is not open, more than ten attachments, the acknowledgement 0), and drops
  what else is in that POST: ours ends the line. Nobody sends such here, see
  tests/transports/test_bad_packets.py.
- It relays half a surrogate pair, which is not UTF-8: ours has U+FFFD. Nobody sends one here.
"""

import asyncio
import difflib

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings

from tests.conformance.guests import POLLING, WEBSOCKET, Guest
from tests.conformance.parlour import our_stage, stock_stage
from tests.conformance.scenes import Step, play
from tests.conformance.traffic import scenes


@pytest.mark.timeout(300)  # to make a counter-example short takes longer than the test
def test_every_client_hears_what_stock_would_have_told_it(for_long: int) -> None:
    @settings(
        max_examples=40 * for_long,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(scene=scenes())
    def each(scene: list[Step]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_hear_alike(scene))

    each()


async def _hear_alike(scene: list[Step]) -> None:
    async with stock_stage() as stock, our_stage() as ours:
        expected, heard = await asyncio.gather(play(scene, stock), play(scene, ours))

    if heard != expected:
        pytest.fail(_shown(scene, expected, heard), pytrace=False)


async def test_a_broadcast_with_binary_reaches_polls_and_websockets_alike() -> None:
    async with our_stage() as stage:
        guests = [Guest(stage.url, "alice"), Guest(stage.url, "bob"), Guest(stage.url, "carol")]
        for guest, transport in zip(guests, (POLLING, WEBSOCKET, POLLING), strict=True):
            await guest.come(transport)
            await guest.send("40")
            await guest.sync()

        await guests[0].send('451-["announce",{"_placeholder":true,"num":0}]', b"\x00\xff")
        for guest in guests:
            await guest.sync()
        heard = [guest.heard[-1] for guest in guests]
        for guest in guests:
            await guest.let_go()

    assert heard == ["EVENT / id None ['announced', b'\\x00\\xff']"] * 3


def _shown(scene: list[Step], expected: dict[str, list[str]], heard: dict[str, list[str]]) -> str:
    """The steps, and what who heard otherwise."""
    lines = ["", *map(str, scene)]
    for name, told_by_stock in expected.items():
        if heard[name] != told_by_stock:
            lines += ["", f"{name} heard (- from stock only, + from ours only):"]
            lines += difflib.ndiff(told_by_stock, heard[name])
    return "\n".join(lines)

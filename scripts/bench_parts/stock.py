"""python-socketio as shipped, on aiohttp, with what the benchmark needs of the session relay.

Joining, sending, a sequence, a bounded history. All options of the libraries as they come.
"""

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import socketio
from aiohttp import web

HISTORY_MESSAGES = 500

Payload = dict[str, Any]


@dataclass
class Session:
    """The people in one room by their connections, and what was last said there."""

    seq: int = 0
    members: dict[str, Payload] = field(default_factory=dict)
    history: deque[Payload] = field(default_factory=lambda: deque(maxlen=HISTORY_MESSAGES))


server = socketio.AsyncServer(async_mode="aiohttp")
sessions: dict[str, Session] = {}
joined: dict[str, set[str]] = {}
"""Connection -> the sessions that it is in."""


async def join(sid: str, request: Payload) -> Payload:
    """Come in; the answer holds the members and the history."""
    session_id = request["sessionId"]
    session = sessions.setdefault(session_id, Session())
    session.members[sid] = {
        "userId": request["userId"],
        "publicKey": request.get("publicKey"),
        "displayName": request.get("displayName"),
        "joinedAt": now_ms(),
    }
    session.seq += 1
    joined.setdefault(sid, set()).add(session_id)
    await server.enter_room(sid, session_id)
    return {
        "success": True,
        "sessionId": session_id,
        "seq": session.seq,
        "members": list(session.members.values()),
        "messages": list(session.history),
    }


async def send(sid: str, request: Payload) -> Payload:
    """Say something to the others of the session."""
    session_id = request["sessionId"]
    if session_id not in joined.get(sid, ()):
        return {"success": False, "error": "not_a_member", "message": "join first"}
    session = sessions[session_id]
    session.seq += 1
    message = {
        "id": request.get("id") or str(uuid.uuid4()),
        "from": session.members[sid]["userId"],
        "to": request.get("to", "all"),
        "encrypted": request["encrypted"],
        "timestamp": now_ms(),
        "type": request.get("type", "text"),
        "seq": session.seq,
    }
    session.history.append(message)
    await server.emit("new-message", message, room=session_id, skip_sid=sid)
    await server.emit("message-sent", message, to=sid)
    return {"success": True, "messageId": message["id"], **message}


async def leave(sid: str, reason: str) -> None:
    """Forget the connection, and every session that it leaves empty."""
    for session_id in joined.pop(sid, ()):
        del sessions[session_id].members[sid]
        if not sessions[session_id].members:
            del sessions[session_id]


server.on("join-session", join)
server.on("send-message", send)
server.on("disconnect", leave)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def serve() -> None:
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"python-socketio on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())

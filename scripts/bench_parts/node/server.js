// Node's Socket.IO server with the part of the session relay that the benchmark needs:
// joining, sending, a sequence, a bounded history. All options of the library as they come.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";

const HISTORY_MESSAGES = 500;

const sessions = new Map();

function sessionOf(sessionId) {
  if (!sessions.has(sessionId)) {
    sessions.set(sessionId, { seq: 0, members: new Map(), history: [] });
  }
  return sessions.get(sessionId);
}

function join(socket, { sessionId, userId, publicKey, displayName = null }) {
  const session = sessionOf(sessionId);
  session.members.set(socket.id, { userId, publicKey, displayName, joinedAt: Date.now() });
  session.seq += 1;
  socket.data.sessions.set(sessionId, session);
  socket.join(sessionId);
  const members = [...session.members.values()];
  return { success: true, sessionId, seq: session.seq, members, messages: session.history };
}

function send(socket, { sessionId, encrypted, to = "all", type = "text", id = randomUUID() }) {
  const session = socket.data.sessions.get(sessionId);
  if (!session) return { success: false, error: "not_a_member", message: "join first" };
  const from = session.members.get(socket.id).userId;
  session.seq += 1;
  const message = { id, from, to, encrypted, timestamp: Date.now(), type, seq: session.seq };
  session.history.push(message);
  if (session.history.length > HISTORY_MESSAGES) session.history.shift();
  socket.to(sessionId).emit("new-message", message);
  socket.emit("message-sent", message);
  return { success: true, messageId: id, ...message };
}

function leave(socket) {
  for (const [sessionId, session] of socket.data.sessions) {
    session.members.delete(socket.id);
    if (session.members.size === 0) sessions.delete(sessionId);
  }
}

const http = createServer();
const io = new Server(http);
io.on("connection", (socket) => {
  socket.data.sessions = new Map();
  for (const [event, handle] of Object.entries({ "join-session": join, "send-message": send })) {
    socket.on(event, (request, answer) => {
      const told = handle(socket, request);
      answer?.(told);
    });
  }
  socket.on("disconnect", () => leave(socket));
});
http.listen(0, "127.0.0.1", () => {
  console.log(`Node's socket.io on http://127.0.0.1:${http.address().port}`);
});

// The contract's lines, each of them, played by a client that is written from it against the server
// whose nodes stand in SERVER_URLS, in the namespace NAMESPACE. One step follows from the other.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ChatApi, SocketService, tokenOf } from "./client.js";

const urls = process.env.SERVER_URLS.split(",");
const namespace = process.env.NAMESPACE;

const WORKSPACE = "workspace-id";

// As the contract lists them.
const LINES = [
  "POST /chat/conversations",
  "GET /chat/conversations",
  "GET /chat/conversations/:id",
  "PUT /chat/conversations/:id",
  "DELETE /chat/conversations/:id",
  "POST /chat/conversations/:id/messages",
  "GET /chat/conversations/:id/messages",
  "PUT /chat/messages/:id",
  "DELETE /chat/messages/:id",
  "POST /chat/messages/:id/reactions",
  "POST /chat/conversations/:id/members",
  "DELETE /chat/conversations/:id/members/:uid",
  "PUT /chat/conversations/:id/members/:uid/role",
  "POST /chat/conversations/:id/read",
  "PUT /chat/presence",
  "GET /chat/presence/:workspaceId",
  "GET /chat/search",
  "GET /chat/workspaces/:id/unread-count",
  "emit join_workspace",
  "emit join_conversation",
  "emit leave_conversation",
  "emit send_message",
  "emit edit_message",
  "emit delete_message",
  "emit add_reaction",
  "emit typing_start",
  "emit typing_stop",
  "emit mark_as_read",
  "emit update_presence",
  "on message:new",
  "on message:edit",
  "on message:delete",
  "on message:reaction",
  "on message:read",
  "on typing:start",
  "on typing:stop",
  "on conversation:new",
  "on conversation:updated",
  "on presence_update",
];

// The fields of its models.
const CONVERSATION =
  "id workspaceId type name description icon createdById documentId isEncrypted encryptionKey " +
  "createdAt updatedAt";
const MEMBER = "id conversationId userId role joinedAt lastReadAt";
const MESSAGE =
  "id conversationId userId content attachments replyToId editedAt deletedAt reactions createdAt";
const PRESENCE = "id userId workspaceId status lastSeen updatedAt";

const has = (model, fields) => {
  for (const field of fields.split(" ")) assert.ok(field in model, `no ${field}`);
};

const used = new Set();
const people = {};

class Colleague {
  constructor(userId, turn) {
    const url = urls[turn % urls.length];
    const token = tokenOf(userId, WORKSPACE);
    this.userId = userId;
    this.api = new ChatApi(url, token, used);
    this.sockets = new SocketService(url, namespace, token, used);
  }

  // Joins the workspace and, if it is said, a conversation.
  async join(conversationId) {
    await this.sockets.emit("join_workspace", { workspaceId: WORKSPACE });
    if (conversationId) await this.sockets.emit("join_conversation", { conversationId });
  }
}

before(async () => {
  for (const [turn, userId] of ["user1", "user2", "user3"].entries()) {
    people[userId] = new Colleague(userId, turn);
    await people[userId].sockets.connected();
    // Contract: who is in a workspace says the token; it exists from its first call on.
    await people[userId].join();
  }
});

after(() => {
  for (const one of Object.values(people)) one.sockets.disconnect();
});

let general;

describe("conversations", () => {
  test("a group channel is created and comes to its members", async () => {
    general = await people.user1.api.createConversation({
      type: "GROUP",
      name: "general",
      description: "General team discussion",
      workspaceId: WORKSPACE,
      memberIds: ["user1", "user2"],
    });
    has(general, CONVERSATION);
    for (const member of general.members) has(member, MEMBER);
    assert.equal(general.type, "GROUP");
    assert.equal(general.isEncrypted, false);
    const { conversation } = await people.user2.sockets.next("conversation:new");
    assert.equal(conversation.id, general.id);
    for (const name of ["user1", "user2"]) await people[name].join(general.id);
  });

  test("there is one direct conversation of two, which may be encrypted", async () => {
    const wish = {
      type: "DM",
      workspaceId: WORKSPACE,
      memberIds: ["user2"],
      isEncrypted: true,
    };
    const made = await people.user1.api.createConversation(wish);
    assert.equal(made.isEncrypted, true);
    assert.equal((await people.user1.api.createConversation(wish)).id, made.id);
  });

  test("a document has a chat that others come into", async () => {
    const wish = {
      type: "DOCUMENT",
      name: "Project Spec Discussion",
      workspaceId: WORKSPACE,
      documentId: "doc-id",
    };
    const made = await people.user1.api.createConversation(wish);
    assert.equal(made.documentId, "doc-id");
    assert.equal((await people.user3.api.createConversation(wish)).id, made.id);
  });

  test("they are listed, shown and changed", async () => {
    const { api } = people.user1;
    const { conversations } = await api.ask("GET", `/chat/conversations?workspaceId=${WORKSPACE}`);
    assert.equal(conversations.length, 3);
    const names = { id: general.id };
    const shown = await api.ask("GET", "/chat/conversations/:id", names);
    assert.equal(shown.conversation.name, "general");
    await api.ask("PUT", "/chat/conversations/:id", names, { name: "all", description: "of us" });
    const { conversationId, updates } = await people.user2.sockets.next("conversation:updated");
    assert.equal(conversationId, general.id);
    assert.equal(updates.name, "all");
  });
});

describe("messages over sockets", () => {
  let message;

  test("are sent, and come to the others", async () => {
    const payload = { conversationId: general.id, content: "hello there" };
    ({ message } = await people.user1.sockets.emit("send_message", payload));
    const heard = await people.user2.sockets.next("message:new");
    assert.deepEqual(heard, { message, conversationId: general.id });
    has(message, MESSAGE);
    assert.equal(message.content, "hello there");
  });

  test("are replied to", async () => {
    const payload = { conversationId: general.id, content: "hi", replyToId: message.id };
    await people.user2.sockets.emit("send_message", payload);
    const heard = await people.user1.sockets.next("message:new");
    assert.equal(heard.message.replyToId, message.id);
  });

  test("are edited and reacted to", async () => {
    const { sockets } = people.user1;
    await sockets.emit("edit_message", { messageId: message.id, content: "hello everybody" });
    const edited = (await people.user2.sockets.next("message:edit")).message;
    assert.equal(edited.content, "hello everybody");
    assert.ok(edited.editedAt);
    const reaction = { messageId: message.id, emoji: "👍", conversationId: general.id };
    await people.user2.sockets.emit("add_reaction", reaction);
    const reacted = (await sockets.next("message:reaction")).message;
    assert.deepEqual(reacted.reactions, { "👍": ["user2"] });
  });

  test("are read, and who types is shown", async () => {
    const payload = { conversationId: general.id };
    const by = { userId: "user2", conversationId: general.id };
    await people.user2.sockets.emit("mark_as_read", { ...payload, messageId: message.id });
    const read = await people.user1.sockets.next("message:read");
    assert.equal(read.messageId, message.id);
    assert.equal(read.userId, "user2");
    assert.ok(read.readAt);
    await people.user2.sockets.emit("typing_start", payload);
    assert.deepEqual(await people.user1.sockets.next("typing:start"), by);
    await people.user2.sockets.emit("typing_stop", payload);
    assert.deepEqual(await people.user1.sockets.next("typing:stop"), by);
    await people.user2.sockets.emit("leave_conversation", payload);
  });

  test("are deleted", async () => {
    const payload = { messageId: message.id, conversationId: general.id };
    await people.user1.sockets.emit("delete_message", payload);
    assert.deepEqual(await people.user2.sockets.next("message:delete"), payload);
  });
});

describe("messages over REST", () => {
  const names = {};

  test("are sent and fetched page by page", async () => {
    names.id = general.id;
    const { api } = people.user2;
    for (const content of ["the first report", "the second report"]) {
      await api.ask("POST", "/chat/conversations/:id/messages", names, { content });
      const heard = await people.user1.sockets.next("message:new");
      assert.equal(heard.message.content, content);
    }
    // Contract: "Infinite Scroll"; how a page is asked for is not told.
    const page = "/chat/conversations/:id/messages?limit=1";
    const { messages, nextCursor } = await people.user1.api.ask("GET", page, names);
    assert.deepEqual(
      messages.map((one) => one.content),
      ["the second report"],
    );
    const older = await people.user1.api.ask("GET", `${page}&cursor=${nextCursor}`, names);
    assert.deepEqual(
      older.messages.map((one) => one.content),
      ["the first report"],
    );
    names.message = messages[0].id;
  });

  test("are counted until they are read", async () => {
    const path = "/chat/workspaces/:id/unread-count";
    const { api } = people.user1;
    const before = await api.ask("GET", path, { id: WORKSPACE });
    assert.equal(before.conversations[general.id], 3);
    await api.ask("POST", "/chat/conversations/:id/read", names, {});
    const { total } = await api.ask("GET", path, { id: WORKSPACE });
    assert.equal(total, 0);
  });

  test("are found by their words", async () => {
    const path = `/chat/search?q=report&workspaceId=${WORKSPACE}`;
    const { messages } = await people.user1.api.ask("GET", path);
    assert.equal(messages.length, 2);
  });

  test("are edited, reacted to and deleted", async () => {
    const { api } = people.user2;
    const { sockets } = people.user1;
    const id = { id: names.message };
    // The sender of an edit hears of it, too: user1 has heard of its own.
    const is = (data) => (data.message?.id ?? data.messageId) === names.message;
    await api.ask("PUT", "/chat/messages/:id", id, { content: "the last report" });
    assert.equal((await sockets.next("message:edit", is)).message.content, "the last report");
    await api.ask("POST", "/chat/messages/:id/reactions", id, { emoji: "🎉" });
    const { message } = await sockets.next("message:reaction", is);
    assert.deepEqual(message.reactions, { "🎉": ["user2"] });
    await api.ask("DELETE", "/chat/messages/:id", id);
    assert.equal((await sockets.next("message:delete", is)).messageId, names.message);
  });
});

describe("members and presence", () => {
  test("members are added, ruled and removed", async () => {
    const { api, sockets } = people.user1;
    const names = { id: general.id, uid: "user3" };
    await api.ask("POST", "/chat/conversations/:id/members", names, { userId: "user3" });
    const is = ({ conversation }) => conversation.id === general.id;
    await people.user3.sockets.next("conversation:new", is);
    const path = "/chat/conversations/:id/members/:uid";
    const ruled = await api.ask("PUT", `${path}/role`, names, { role: "ADMIN" });
    const member = ruled.conversation.members.find((one) => one.userId === "user3");
    assert.equal(member.role, "ADMIN");
    await api.ask("DELETE", path, names);
    await people.user3.sockets.next("conversation:updated", ({ updates }) => updates.removed);
    const shown = await people.user3.api.knock("GET", "/chat/conversations/:id", names);
    assert.equal(shown.status, 404);
    await sockets.next("conversation:updated");
  });

  test("presence is told and shown", async () => {
    const { api, sockets } = people.user2;
    await sockets.emit("update_presence", { status: "busy", workspaceId: WORKSPACE });
    const is = (status) => (data) => data.userId === "user2" && data.status === status;
    const told = await people.user1.sockets.next("presence_update", is("busy"));
    assert.equal(told.workspaceId, WORKSPACE);
    assert.ok(told.lastSeen);
    const wish = { status: "away", workspaceId: WORKSPACE };
    has((await api.ask("PUT", "/chat/presence", {}, wish)).presence, PRESENCE);
    await people.user1.sockets.next("presence_update", is("away"));
    const names = { workspaceId: WORKSPACE };
    const { presence } = await api.ask("GET", "/chat/presence/:workspaceId", names);
    const statuses = Object.fromEntries(presence.map((one) => [one.userId, one.status]));
    assert.deepEqual(statuses, { user1: "online", user2: "away", user3: "online" });
  });

  test("who is in another workspace sees nothing of it", async () => {
    const stranger = new ChatApi(urls[0], tokenOf("user4", "another-workspace"), new Set());
    const { status } = await stranger.knock("GET", "/chat/conversations/:id", { id: general.id });
    assert.equal(status, 404);
  });

  test("a conversation ends for all", async () => {
    await people.user1.api.ask("DELETE", "/chat/conversations/:id", { id: general.id });
    await people.user2.sockets.next("conversation:updated", ({ updates }) => updates.deletedAt);
  });
});

test("each line of the contract was played", () => {
  assert.deepEqual(
    LINES.filter((line) => !used.has(line)),
    [],
  );
});

// A client of workspaces, written from the contract's own text with the official Socket.IO client,
// as somebody would who had nothing else. Where the text does not say, a comment that begins with
// "Contract:" says what is done, and why.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { io } from "socket.io-client";

const LIMIT_MS = 15_000;

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// Contract: `JWT_SECRET` is shared with whoever signs people in; what a token says is not told.
export function tokenOf(userId, workspaceId) {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const head = base64url({ alg: "HS256", typ: "JWT" });
  const said = `${head}.${base64url({ sub: userId, login: userId, workspaceId, exp })}`;
  const signature = createHmac("sha256", process.env.JWT_SECRET).update(said).digest("base64url");
  return `${said}.${signature}`;
}

// services/chat/chatApi.ts
export class ChatApi {
  constructor(url, token, used) {
    this.url = url;
    this.token = token;
    this.used = used;
  }

  // `path` as the contract has it, with what stands for its names; gives the answer's body.
  async ask(method, path, names = {}, body = undefined) {
    const { status, said } = await this.knock(method, path, names, body);
    assert.ok(status < 300 && said.success, `${method} ${path}: ${JSON.stringify(said)}`);
    return said;
  }

  async knock(method, path, names = {}, body = undefined) {
    this.used.add(`${method} ${path.split("?")[0]}`);
    const filled = path.replace(/:(\w+)/g, (_, name) => encodeURIComponent(names[name]));
    const response = await fetch(this.url + filled, {
      method,
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.token}` },
      body: body && JSON.stringify(body),
    });
    return { status: response.status, said: await response.json() };
  }

  async createConversation(fields) {
    return (await this.ask("POST", "/chat/conversations", {}, fields)).conversation;
  }
}

// services/chat/socketService.ts
export class SocketService {
  constructor(url, namespace, token, used) {
    this.used = used;
    this.heard = [];
    this.wake = () => {};
    const options = { auth: { token }, transports: ["websocket"], forceNew: true };
    this.socket = io(url + namespace, options);
    this.socket.onAny((event, data) => {
      used.add(`on ${event}`);
      this.heard.push({ event, data });
      this.wake();
    });
  }

  connected() {
    return new Promise((done, fail) => {
      this.socket.once("connect", done);
      this.socket.once("connect_error", fail);
    });
  }

  // Contract: what is acknowledged is not told; a client that asks for nothing is served as well.
  async emit(event, payload) {
    this.used.add(`emit ${event}`);
    const answer = await this.socket.timeout(LIMIT_MS).emitWithAck(event, payload);
    assert.ok(answer.success, `${event}: ${JSON.stringify(answer)}`);
    return answer;
  }

  // The data of the next event of that name that has not been asked for yet, of which `is` holds.
  async next(event, is = () => true) {
    const limit = AbortSignal.timeout(LIMIT_MS);
    for (;;) {
      const at = this.heard.findIndex((one) => one.event === event && is(one.data));
      if (at >= 0) return this.heard.splice(at, 1)[0].data;
      await new Promise((done, fail) => {
        this.wake = done;
        limit.onabort = () =>
          fail(new Error(`no ${event} came, but ${JSON.stringify(this.heard)}`));
      });
    }
  }

  disconnect() {
    this.socket.disconnect();
  }
}

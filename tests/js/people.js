// People who use the official client as a page does, and note down all that they see.

import { Agent } from "node:http";

const LIMIT_MS = 30_000;

// Of this machine, one for each person, where a balancer tells people apart by their addresses.
const addresses = process.env.OWN_ADDRESSES && ownAddresses();

function* ownAddresses() {
  for (let last = 2; ; last = (last % 250) + 2) yield `127.0.0.${last}`;
}

export class Stage {
  constructor(url, io, transports, note) {
    this.url = url;
    this.io = io;
    this.transports = transports;
    this.note = note;
    this.people = [];
  }

  // Connect somebody. `who` names the connection; a tab more of a user has its own `userId`.
  async meet(who, options) {
    const person = this.knock(who, options);
    await person.next("connect");
    return person;
  }

  // The same without waiting to be let in.
  knock(who, { userId = who, ...options } = {}) {
    const person = new Person(this, who, userId, options);
    this.people.push(person);
    return person;
  }

  async post(path, body) {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    this.note(null, path, { status: response.status, body: answer });
    return answer;
  }

  clear() {
    for (const person of this.people) {
      person.socket.disconnect();
    }
  }
}

class Person {
  constructor(stage, who, userId, { namespace = "", manager, ...options }) {
    this.stage = stage;
    this.who = who;
    this.userId = userId;
    this.counts = {};
    this.waiting = [];
    const whole = {
      forceNew: true,
      transports: stage.transports,
      reconnectionDelay: 20,
      reconnectionDelayMax: 100,
      ...(addresses && { agent: new Agent({ localAddress: addresses.next().value }) }),
      ...options,
    };
    // A manager has a line, on which another namespace may be open already.
    this.socket = manager?.socket(namespace, whole) ?? stage.io(stage.url + namespace, whole);
    this.socket.connect();
    this.socket.on("connect", () => this.see("connect"));
    this.socket.on("connect_error", ({ message, data }) => {
      // Only what the server itself says; a client also tells of servers that are not there.
      if (data) this.see("connect_error", { message, data });
    });
    this.socket.on("disconnect", (reason) => this.see("disconnect", reason));
    // Behind the data a client that can be restored after a drop gets an offset.
    this.socket.onAny((event, data) => this.see(event, data));
  }

  see(what, data) {
    this.stage.note(this.who, what, data);
    this.counts[what] = (this.counts[what] ?? 0) + 1;
    this.waiting = this.waiting.filter((check) => !check());
  }

  // Wait until an event, or "connect" or "disconnect", was seen `times` times in all.
  next(what, times = 1) {
    return this.within(`seeing ${what}, ${times} times`, (done) => {
      const check = () => {
        const isSeen = this.counts[what] >= times;
        if (isSeen) done();
        return isSeen;
      };
      if (!check()) this.waiting.push(check);
    });
  }

  // Emit an event and wait for its acknowledgement.
  ask(event, ...payload) {
    return this.within(`the acknowledgement of ${event}`, (done) =>
      // A client with `retries` puts an error, or null, before the answer.
      this.socket.emit(event, ...payload, (...answers) => {
        const ack = answers.at(-1);
        this.see(`ack ${event}`, ack);
        done(ack);
      }),
    );
  }

  tell(event, ...payload) {
    this.socket.emit(event, ...payload);
  }

  join(sessionId, more) {
    return this.ask("join-session", { sessionId, userId: this.userId, ...more });
  }

  send(sessionId, encrypted, more) {
    return this.ask("send-message", { sessionId, from: this.userId, encrypted, ...more });
  }

  // Wait until the client has moved on to the last of its transports.
  async settle() {
    const { engine } = this.socket.io;
    const wanted = this.stage.transports.at(-1);
    if (engine.transport.name !== wanted) {
      await this.within("the upgrade", (done) => engine.once("upgrade", done));
    }
    return engine.transport.name;
  }

  // Lose the connection: no Socket.IO DISCONNECT is sent, and the client tries to come back.
  lose() {
    const { engine } = this.socket.io;
    const { ws } = engine.transport;
    ws ? ws.terminate() : engine.close();
  }

  within(what, begin) {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`${this.who} waited for ${what}`)), LIMIT_MS);
      begin((result) => {
        clearTimeout(timer);
        done(result);
      });
    });
  }
}

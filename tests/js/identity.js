// What people do who show tokens. What they must see stands in tests/apis/identity.

import { createHmac } from "node:crypto";

const SECRET = "secret that another system has, too";
const GUEST = "/api/auth/guest";

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

// A token as a system makes it that has the server's secret.
function mint(claims, secret = SECRET) {
  const text = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

const seconds = () => Math.floor(Date.now() / 1000);

export const scenarios = {
  async guest(stage) {
    const { token } = await stage.post(GUEST, { login: "Zoë" });
    const zoe = await stage.meet("zoe", { auth: { token } });
    await zoe.ask("auth-refresh", { token });
    await zoe.ask("auth-refresh", { token: mint({ sub: "mallory" }) });
  },

  async handshakes(stage) {
    await stage.meet("nobody");
    await stage.meet("null", { auth: { token: null } });
    await stage.meet("alice", { auth: { token: mint({ userId: 1, login: "alice" }) } });
    await stage.meet("later", { auth: (show) => show({ token: mint({ id: "bob" }) }) });
    const forged = stage.knock("forged", { auth: { token: mint({ sub: "a" }, "another") } });
    const number = stage.knock("number", { auth: { token: 7 } });
    await Promise.all([forged.next("connect_error"), number.next("connect_error")]);
    stage.note("forged", "active", forged.socket.active);
  },

  async expiring(stage) {
    const soon = mint({ sub: "alice", exp: Date.now() / 1000 + 1 });
    const alice = await stage.meet("alice", { auth: { token: soon } });
    await alice.next("auth-expired");
    await alice.ask("auth-refresh", { token: mint({ sub: "alice", exp: seconds() + 3600 }) });
  },

  async renewing(stage) {
    const token = mint({ sub: "alice", exp: seconds() - 1 });
    const alice = await stage.meet("alice", { auth: { token } });
    await alice.next("auth-expired");
    await alice.ask("auth-refresh", { token });
    await alice.ask("auth-refresh", { token: mint({ sub: "alice" }) });
    await alice.join("renewing", { isCreator: true });
  },
};

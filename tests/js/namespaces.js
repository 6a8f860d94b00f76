// People in two namespaces. What they must see stands in tests/transports/test_chat_namespace.py.

const { TOKEN, FORGED } = process.env;

export const scenarios = {
  async namespaces(stage) {
    const nobody = await stage.meet("nobody");
    const manager = nobody.socket.io;
    const here = { namespace: "/chat", manager };
    const alice = await stage.meet("alice", { ...here, auth: { token: TOKEN } });
    await alice.ask("confess", { words: "tea" });
    await nobody.ask("confess", { words: "tea" });
    await nobody.ask("whisper", { words: Buffer.from([0, 1]) });
    const forged = stage.knock("forged", { namespace: "/chat", auth: { token: FORGED } });
    await forged.next("connect_error");
    stage.note("alice", "lines", new Set([manager, alice.socket.io]).size);
  },
};

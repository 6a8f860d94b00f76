"""How people get accounts, and devices with keys, before anything crashes."""

from base64 import b64encode
from typing import Any

from nacl.signing import SigningKey

from tests.crashes.wire import Rest

PASSWORD = "a password of the crashes"

PREKEYS = 10
"""Of one upload."""


async def sign_up(rest: Rest, name: str) -> str:
    """Get an account. Returns its id."""
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    data = await _asked(rest, "/api/auth/signup", body, 201)
    return str(data["userId"])


async def register(rest: Rest, name: str, user_id: str, device_id: str) -> dict[str, Any]:
    """Sign a new device in, and give it keys. Returns its tokens."""
    body = {"username": name, "password": PASSWORD, "deviceId": device_id}
    token = (await _asked(rest, "/api/auth/login", body, 200))["registrationToken"]
    keys = {"deviceId": device_id, **_first_keys(user_id), "registrationToken": token}
    return await _asked(rest, "/api/keys/register", keys, 201)


async def _asked(rest: Rest, path: str, body: Any, status: int) -> dict[str, Any]:
    answer = await rest.call("POST", path, body)
    assert answer, path
    assert answer.status == status, answer
    return answer.data


def _first_keys(user_id: str) -> dict[str, Any]:
    identity = SigningKey(user_id.encode()[:32].ljust(32))
    of_prekey = bytes(31) + b"\7"
    signature = identity.sign(of_prekey).signature
    signed = {"keyId": 1, "publicKey": base64(of_prekey), "signature": base64(signature)}
    return {
        "publicKey": base64(bytes(31) + b"\10"),
        "identityPublicKey": base64(bytes(identity.verify_key)),
        "signedPreKey": signed,
        "preKeys": prekeys(range(PREKEYS)),
    }


def prekeys(key_ids: range) -> list[dict[str, Any]]:
    """One-time prekeys as the API takes them; no two of a device are the same."""
    return [{"keyId": one, "publicKey": base64((1 + one).to_bytes(32, "big"))} for one in key_ids]


def base64(data: bytes) -> str:
    return b64encode(data).decode()

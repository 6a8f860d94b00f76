"""Completing a login that is somebody else's: by its device, by its address, by its token."""

from typing import Any

from tests.apis.attacks.scenes import PASSWORD, Answer, Scene, keys_of
from tests.apis.session_relay.sessions import configured


async def log_in(scene: Scene, name: str, device_id: str, address: str = "192.0.2.1") -> str:
    """The registration token of a login."""
    login = {"username": name, "password": PASSWORD, "deviceId": device_id}
    answer = await asked(scene, "/api/auth/login", login, address)
    token: str = answer.body["data"]["registrationToken"]
    return token


async def asked(
    scene: Scene, path: str, body: dict[str, Any], address: str = "192.0.2.1"
) -> Answer:
    """From an address behind a trusted proxy, without any token nor cookie."""
    headers = {"X-Forwarded-For": address}
    async with scene.http.post(path, json=body, headers=headers) as response:
        scene.http.cookie_jar.clear()
        return Answer(response.status, await response.json())


async def register(scene: Scene, device_id: str, token: str | None, **more: str) -> Answer:
    proof = {} if token is None else {"registrationToken": token}
    return await asked(scene, "/api/keys/register", {**keys_of(device_id), **proof}, **more)


def is_refused(answer: Answer) -> bool:
    return (answer.status, answer.code) == (401, "unauthenticated")


@configured(TRUSTED_PROXIES=1)
async def test_a_first_login_is_not_completed_bare_from_elsewhere(scene: Scene) -> None:
    body = {"username": "dora", "email": "dora@new.example", "password": PASSWORD}
    await scene.done(None, "POST /api/auth/signup", body)
    await log_in(scene, "dora", "tablet")
    assert is_refused(await register(scene, "tablet", None, address="192.0.2.2"))
    assert is_refused(await register(scene, "phone", None))
    assert (await register(scene, "tablet", None)).status == 201


@configured(TRUSTED_PROXIES=1)
async def test_a_login_of_whoever_has_a_device_is_completed_by_its_token_alone(
    scene: Scene,
) -> None:
    """A neighbour behind the same address adds no device to her account."""
    await log_in(scene, "alice", "laptop")
    for proof in (None, "guessed", scene.mallory.token, scene.mallory.refresh_token):
        assert is_refused(await register(scene, "laptop", proof))
    devices = (await scene.done(scene.alice, "GET /api/auth/devices"))["data"]["devices"]
    assert [one["deviceId"] for one in devices] == [scene.alice.device_id]


@configured(TRUSTED_PROXIES=1)
async def test_the_token_of_a_login_is_good_for_its_device_and_once(scene: Scene) -> None:
    token = await log_in(scene, "mallory", "laptop")
    for other in (scene.alice.device_id, scene.mallory.device_id, "another"):
        assert is_refused(await register(scene, other, token)), other
    answer = await register(scene, "laptop", token)
    # Her account has another identity key, and the login waits for that.
    assert (answer.status, answer.code) == (409, "identity_mismatch")


async def test_a_login_that_was_completed_is_not_completed_again(scene: Scene) -> None:
    body = {"username": "dora", "email": "dora@new.example", "password": PASSWORD}
    await scene.done(None, "POST /api/auth/signup", body)
    token = await log_in(scene, "dora", "tablet")
    first = await register(scene, "tablet", token)
    assert first.status == 201
    assert is_refused(await register(scene, "tablet", token))
    assert is_refused(await register(scene, "tablet", None))
    keys = await scene.done(scene.alice, f"GET /api/keys/user/{first.body['data']['userId']}")
    assert [one["publicKey"] for one in keys["data"]["devices"]] == [
        first.body["data"]["publicKey"]
    ]

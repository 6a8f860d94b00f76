"""Keys in the words of secure chat."""

from base64 import b64encode
from typing import Any

from server.apis.secure_chat import shapes
from server.apis.secure_chat.render import envelope
from server.apis.secure_chat.render.auth import FORGET_REGISTRATION, pair
from server.apis.secure_chat.shapes import Envelope
from server.core.clock import iso_utc
from server.core.device_keys import Registered
from server.core.ids import as_written
from server.core.ports.device_keys import (
    Bundle,
    ClaimedDevice,
    KeptKeys,
    Prekey,
    PrekeyStats,
)
from server.transports.api import Response


def registered(_: Any, outcome: Registered) -> Response[Envelope[shapes.Registered]]:
    data: shapes.Registered = {
        "success": True,
        "deviceId": str(outcome.device_id),
        "userId": as_written(outcome.user_id),
        "publicKey": _base64(outcome.public_key),
        **pair(outcome.tokens),
    }
    message = "Device keys registered successfully"
    return envelope(data, message, cookies=(FORGET_REGISTRATION,))


def bundle(_: Any, found: Bundle) -> Response[Envelope[shapes.Bundle]]:
    devices = [_device(one) for one in found.devices]
    data: shapes.Bundle = {
        "userId": as_written(found.user_id),
        "identityPublicKey": _base64(found.identity.public_key),
        "identityKeyType": found.identity.type.value,
        "identityKeySince": iso_utc(found.since_ms),
        "verified": all(one.signed_prekey.verified for one in found.devices),
        "devices": devices,
    }
    return envelope(data)


def rotated(_: Any, kept: KeptKeys) -> Response[Envelope[shapes.Rotated]]:
    data: shapes.Rotated = {
        "publicKey": _base64(kept.public_key),
        "keyVersion": kept.version,
        "accepted": kept.accepted,
        "skipped": list(kept.skipped),
        "available": kept.available,
    }
    return envelope(data, "Device keys rotated successfully")


def added(_: Any, kept: KeptKeys) -> Response[Envelope[shapes.PreKeysKept]]:
    data: shapes.PreKeysKept = {
        "accepted": kept.accepted,
        "skipped": list(kept.skipped),
        "available": kept.available,
    }
    message = "Prekeys uploaded successfully"
    if kept.skipped:
        message = "Some prekeys were handed out before and are not taken again; use new ids"
    return envelope(data, message)


def stats(_: Any, found: PrekeyStats) -> Response[Envelope[shapes.PreKeyStats]]:
    data: shapes.PreKeyStats = {
        "total": found.available + found.used + found.expired,
        "available": found.available,
        "used": found.used,
        "expired": found.expired,
    }
    return envelope(data)


def swept(_: Any, removed: int) -> Response[Envelope[shapes.Removed]]:
    return envelope({"removed": removed}, "Used and expired prekeys removed")


def _device(device: ClaimedDevice) -> shapes.DeviceKeys:
    signed = device.signed_prekey
    return {
        "deviceId": str(device.device_id),
        "publicKey": _base64(device.public_key),
        "keyVersion": device.version,
        "verified": signed.verified,
        "signedPreKey": {
            "keyId": signed.key_id,
            "publicKey": _base64(signed.public_key),
            "signature": _base64(signed.signature),
            "timestamp": iso_utc(device.signed_ms),
        },
        "oneTimePreKey": None if device.one_time is None else _prekey(device.one_time),
    }


def _prekey(prekey: Prekey) -> shapes.OneTimePreKey:
    return {"keyId": prekey.key_id, "publicKey": _base64(prekey.public_key)}


def _base64(key: bytes) -> str:
    return b64encode(key).decode()

"""Questions that a vector refuses to answer: malformed or forged, one fault at a time."""

from collections.abc import Iterator
from typing import Any

from scripts.demo_parts.protocol.envelopes import Envelope, read_envelope
from scripts.demo_parts.protocol.epochs import Tag, make_epoch, recipients_of
from scripts.demo_parts.protocol.identity import member_id_of
from scripts.demo_parts.protocol.link import Link
from scripts.demo_parts.protocol.packing import (
    from_text,
    pack,
    pad,
    to_text,
    u64,
    unpack,
    unpack_all,
)
from scripts.demo_parts.protocol.primitives import derive, digest, mac, seal, seal_with_nonce
from tests.web.protocol.good import (
    Question,
    hash_of,
    head_args,
    heard,
    message_args,
    of,
    relayed,
    result,
    signal_args,
    small_file,
    tag_args,
)
from tests.web.protocol.people import (
    ANN,
    BOB,
    CY,
    EPOCH,
    KEY,
    KEYS,
    LINK,
    MADE_MS,
    OTHER_LINK,
    epoch_args,
    fixed,
)
from tests.web.protocol.points import odd_signatures

TOO_LARGE = (2**53).to_bytes(8)
NOT_UTF8 = b"\xff\xfe"


def questions() -> Iterator[Question]:
    yield from notation()
    yield from links()
    yield from cards()
    yield from keys()
    yield from messages()
    yield from openings()
    yield from signals()
    yield from chunks()


def changed(data: bytes, at: int) -> bytes:
    """The same with one bit turned over."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# --- section 1 ---


def notation() -> Iterator[Question]:
    for about, text in {
        "padding": "QQ==",
        "one character too many": "QUJDR",
        "spare bits of four": "QR",
        "spare bits of two": "QUJ",
        "plain base64": "+/+/",
        "a blank": "QU JD",
        "a line's end": "QUJD\n",
        "another alphabet": "ԛUJD",
    }.items():
        yield about, "base64url.read", {"text": text}
    yield "2^53", "u64.read", {"bytes": TOO_LARGE}
    yield "seven bytes", "u64.read", {"bytes": bytes(7)}
    yield "nine bytes", "u64.read", {"bytes": bytes(9)}
    packed = pack(b"a", b"bc")
    for about, data, count in [
        ("a field too many", packed, 1),
        ("a field too few", packed, 3),
        ("a cut field", packed[:-1], 2),
        ("a cut length", packed + bytes(3), 2),
        ("a length beyond the end", bytes.fromhex("ffffffff") + b"a", 1),
        ("nothing", b"", 1),
    ]:
        yield about, "unpack", {"packed": data, "count": count}
    for about, padded in {"zeros": bytes(8), "nothing": b"", "no mark": b"ab\x81\0"}.items():
        yield about, "unpad", {"padded": padded}
    secret = fixed("secret", 32)
    for about, key in {
        "zero": bytes(32),
        "one": (1).to_bytes(32, "little"),
        "p": (2**255 - 19).to_bytes(32, "little"),
    }.items():
        yield f"a box key of small order: {about}", "dh", {"secret": secret, "key": key}
    for one in odd_signatures():
        if one.about != "key with small part 0, R with 0":
            args = {"key": one.key, "data": one.data, "signature": one.signature}
            yield one.about, "verify", args


# --- sections 2 and 3 ---


def links() -> Iterator[Question]:
    data = from_text(LINK.fragment)
    for about, text in {
        "nothing": "",
        "a word": "hello world",
        "an address without a link": "https://relay.example/#",
        "one byte": "AQ",
        "cut": LINK.fragment[:-4],
        "cut by a character": LINK.fragment[:-1],
        "a character more": LINK.fragment + "A",
        "a changed secret": to_text(changed(data, 20)),
        "a changed check": to_text(changed(data, -1)),
        "version 0": checked(b"\0" + data[1:-4]),
        "version 2": checked(b"\2" + data[1:-4]),
        "version 2, longer": checked(b"\2" + data[1:-4] + b"more"),
        "an unknown flag": checked(b"\1\2" + data[2:-4]),
    }.items():
        yield about, "link.read", {"text": text}


def checked(body: bytes) -> str:
    return to_text(body + digest(body)[:4])


def cards() -> Iterator[Question]:
    text = ANN.card.text
    body, signature, proof = unpack(from_text(text), 3)
    odd = {one.about: one for one in odd_signatures()}
    mixed = odd["key with small part 4, R with 0"].key
    made = {
        "no text": 5,
        "nothing": None,
        "not base64url": text + "=",
        "cut": text[:-8],
        "a field too many": to_text(pack(body, signature, proof, b"")),
        "made with another link": card_of(link=OTHER_LINK),
        "a changed proof": to_text(pack(body, signature, changed(proof, 0))),
        "signed by another": card_of(signer=BOB),
        "of another session": card_of(session_id=fixed("another session", 16)),
        "no card": card_of(label=b"hushwire/1/head"),
        "a short sign key": card_of(sign_key=ANN.identity.sign_key[:-1]),
        "a short box key": card_of(box_key=ANN.identity.box_key[:-1]),
        "a sign key of small order": card_of(sign_key=odd["key of small order 0"].key),
        "a sign key of mixed order": card_of(sign_key=mixed),
        "a box key of small order": card_of(box_key=bytes(32)),
        "a time that is too large": card_of(made=TOO_LARGE),
        "a name for another member": card_of(sealed_name=sealed_name(b"Ann", CY.member_id)),
        "a name without a nonce": card_of(sealed_name=bytes(23)),
        "a name without a tag": card_of(sealed_name=bytes(39)),
        "a name that is not padded": card_of(sealed_name=sealed_name(None)),
    }
    for about, name in {
        "an empty name": b"",
        "a name of blanks": " \u3000\ufeff".encode(),
        "a name of two lines": b"Ann\nBob",
        "a name with a line separator": "Ann\u2028Bob".encode(),
        "a name of 65 characters": b"x" * 65,
        "a name of 260 bytes": ("🐤" * 65).encode(),
        "a name that is not UTF-8": NOT_UTF8,
        "a name of a lone surrogate": b"\xed\xa0\x80",
    }.items():
        made[about] = card_of(sealed_name=sealed_name(name))
    for about, card in made.items():
        yield about, "card.read", {"link": LINK.fragment, "card": card}
    # Whose it is, is looked at before its keys and its name, which would be malformed.
    shown_as_bob = {"userId": to_text(BOB.member_id)}
    for about, card in {
        "another member's": text,
        "another member's, with a short key": made["a short sign key"],
        "another member's, without a name": made["an empty name"],
    }.items():
        yield about, "card.read", {"link": LINK.fragment, "card": card, **shown_as_bob}


def card_of(link: Link = LINK, signer: Any = ANN, **fields: bytes) -> str:
    """Ann's card, but for these fields, signed by Ann and proved under the link."""
    usual = {
        "label": b"hushwire/1/card",
        "session_id": LINK.session_id,
        "sign_key": ANN.identity.sign_key,
        "box_key": ANN.identity.box_key,
        "made": u64(MADE_MS),
    }
    whole = usual | fields
    member_id = member_id_of(whole["sign_key"], whole["box_key"])
    name = whole.pop("sealed_name", None) or sealed_name(b"Ann", member_id)
    body = pack(*whole.values(), name)
    signature = signer.identity.sign(body)
    key = derive(link.link_key, LINK.session_id, "card")
    return to_text(pack(body, signature, mac(key, pack(body, signature))))


def sealed_name(name: bytes | None, member_id: bytes = ANN.member_id) -> bytes:
    key = derive(LINK.link_key, LINK.session_id, "name")
    context = pack(b"hushwire/1/name", LINK.session_id, member_id)
    padded = bytes(64) if name is None else pad(name, 64)
    return seal_with_nonce(key, context, padded, fixed("name", 24))


# --- sections 4 to 6 ---


def keys() -> Iterator[Question]:
    ephemeral, *entries = unpack_all(KEYS)
    mine = next(entry for entry in entries if entry.startswith(BOB.member_id))
    at = entries.index(mine)

    def with_mine(entry: bytes) -> bytes:
        return pack(ephemeral, *entries[:at], entry, *entries[at + 1 :])

    for about, field in {
        "nothing": b"",
        "a short ephemeral key": pack(ephemeral[:-1], *entries),
        "a cut entry": with_mine(mine[:-1]),
        "out of order": pack(ephemeral, *entries[::-1]),
        "one member twice": pack(ephemeral, entries[0], *entries),
        "one recipient less": pack(ephemeral, *entries[:-1]),
        "no recipients": pack(ephemeral),
        "another `from`": with_mine(mine[:24] + u64(1) + mine[32:]),
        "a `from` that is too large": with_mine(wrapped_for_bob(KEY, TOO_LARGE)),
        "a wrapped key that was changed": with_mine(changed(mine, -1)),
        "the key of another epoch": with_mine(wrapped_for_bob(fixed("another key", 32), u64(3))),
        "another ephemeral key": pack(CY.identity.box_key, *entries),
        "an ephemeral key of small order": pack(bytes(32), *entries),
    }.items():
        yield about, "keys.unwrap", {**of(BOB), **tag_args(), "keys": field}
    for about, changes in {
        "of another sender": {"sender": CY.member_id},
        "for another audience": {"audience": BOB.member_id},
        "for other recipients": {"recipients": recipients_of([ANN.member_id, BOB.member_id])},
        "of another epoch": {"epochId": fixed("epoch id", 16)},
    }.items():
        yield about, "keys.unwrap", {**of(BOB), **tag_args(), **changes, "keys": KEYS}


def wrapped_for_bob(key: bytes, number: bytes) -> bytes:
    ephemeral_key = unpack_all(KEYS)[0]
    shared = BOB.identity.agree(ephemeral_key)
    place = (LINK.session_id, ANN.member_id, b"", EPOCH.tag.epoch_id, BOB.member_id)
    wrap_key = derive(shared, LINK.link_key, "wrap", *place, ephemeral_key)
    return BOB.member_id + number + seal(wrap_key, bytes(24), number, key)


def messages() -> Iterator[Question]:
    text = result("message.make", **message_args())["encrypted"]
    head, sealed, signature = unpack(from_text(text), 3)
    parts = {"head": head, "sealed": sealed, "signature": signature}
    for about, encrypted in {
        "no text": 5,
        "not base64url": text + "\n",
        "cut": text[: len(text) // 2],
        "a field too many": to_text(pack(*parts.values(), b"")),
        "a changed signature": to_text(pack(head, sealed, changed(signature, 3))),
        "a short signature": to_text(pack(head, sealed, signature[:-1])),
        "signed by another": to_text(pack(head, sealed, BOB.identity.sign(head + sealed))),
        "a changed content": to_text(pack(head, changed(sealed, 30), signature)),
        "a changed head": to_text(pack(changed(head, -5), sealed, signature)),
        **with_other_fields(),
    }.items():
        yield about, "message.read", relayed(encrypted)
    for about, told in {
        "another id": {"id": to_text(fixed("another message", 16))},
        "to one instead of all": {"to": BOB.card.user_id},
        "to something else": {"to": "everybody!"},
    }.items():
        yield about, "message.read", relayed(text, **told)
    yield "from another", "message.read", relayed(text) | {"card": CY.card.text}
    private = make_epoch(LINK, ANN.member_id, BOB.member_id, EPOCH.tag.recipients, KEY)
    text = result("message.make", **message_args(epoch=epoch_args(private)))["encrypted"]
    yield "to all instead of one", "message.read", relayed(text)


def with_other_fields() -> dict[str, str]:
    """Messages that Ann signed, of which one field of the head is not as it must be."""
    changes: dict[str, tuple[int, bytes]] = {
        "no message": (0, b"hushwire/1/signed"),
        "of another session": (1, fixed("another session", 16)),
        "a short sender": (2, ANN.member_id[:-1]),
        "a short audience": (3, BOB.member_id[:-1]),
        "an id that is not UTF-8": (4, NOT_UTF8),
        "an id of 129 bytes": (4, b"x" * 129),
        "a kind that is not UTF-8": (5, NOT_UTF8),
        "a kind of 33 bytes": (5, b"x" * 33),
        "a short epoch id": (6, bytes(15)),
        "short recipients": (7, bytes(31)),
        "number 0": (8, u64(0)),
        "number 2^53": (8, TOO_LARGE),
        "a short previous hash": (9, bytes(31)),
        "a time of seven bytes": (10, bytes(7)),
    }
    head = unpack(signed_by_ann(b"{}").packed_head, 12)
    made = {
        about: sealed_under([*head[:at], value, *head[at + 1 :]])
        for about, (at, value) in changes.items()
    }
    made["a field of the head too many"] = sealed_under([*head, b""])
    made["a field of the head too few"] = sealed_under(head[:-1])
    return made


def sealed_under(fields: list[bytes]) -> str:
    return signed_by_ann(b'{"text":"hello"}', packed_head=pack(*fields)).text


def signed_by_ann(
    content: bytes, tag: Tag = EPOCH.tag, packed_head: bytes | None = None, **changes: Any
) -> Envelope:
    """A message that Ann signed, whatever is in it."""
    head = read_envelope(result("message.make", **message_args(**changes))["encrypted"]).head
    packed_head = packed_head or pack(*with_tag(unpack(head.packed(), 12), tag))
    key = derive(KEY, LINK.session_id, "content")
    sealed = seal_with_nonce(key, packed_head, pad(content, 256), fixed("message nonce", 24))
    unsigned = Envelope(packed_head, sealed, b"", head)
    return Envelope(packed_head, sealed, ANN.identity.sign(unsigned.signed), head)


def with_tag(fields: list[bytes], tag: Tag) -> list[bytes]:
    return [*fields[:6], tag.epoch_id, tag.recipients, *fields[8:]]


def openings() -> Iterator[Question]:
    text = result("message.make", **message_args())["encrypted"]
    other = epoch_args(make_epoch(LINK, ANN.member_id, b"", EPOCH.tag.recipients, bytes(32)))
    yield "under another key", "message.open", relayed(text) | {"epoch": other}
    strange = make_epoch(LINK, CY.member_id, b"", EPOCH.tag.recipients, KEY)
    borrowed = signed_by_ann(b'{"text":"hello"}', strange.tag).text
    args = relayed(borrowed) | {"epoch": epoch_args(strange)}
    yield "under another's epoch", "message.open", args
    private = make_epoch(LINK, ANN.member_id, BOB.member_id, EPOCH.tag.recipients, KEY)
    borrowed = signed_by_ann(b'{"text":"hello"}', private.tag).text
    args = relayed(borrowed) | {"epoch": epoch_args(private)}
    yield "under an epoch for another audience", "message.open", args
    fewer = Tag(ANN.member_id, b"", recipients_of([ANN.member_id]), EPOCH.tag.epoch_id)
    yield "for other recipients", "message.open", relayed(signed_by_ann(b"{}", fewer).text)
    for about, content in {
        "no JSON": b"hello",
        "NaN": b'{"text":"hello","size":NaN}',
        "two values": b'{"text":"hello"}{}',
        "a byte order mark": b'\xef\xbb\xbf{"text":"hello"}',
        "a line's end in a text": b'{"text":"a\nb"}',
        "no UTF-8": b'{"text":"\xff"}',
        "no object": b'["hello"]',
        "null": b"null",
        "no text": b"{}",
        "an empty text": b'{"text":""}',
        "a text that is a number": b'{"text":5}',
    }.items():
        yield about, "message.open", relayed(signed_by_ann(content).text)
    yield "an unknown kind", "message.open", relayed(signed_by_ann(b"{}", kind="wave").text)
    for about, content in {
        "no member": b"{}",
        "a short member id": b'{"member":"AAAA"}',
        "a member that is no base64url": b'{"member":"%%"}',
    }.items():
        yield about, "message.open", relayed(signed_by_ann(content, kind="remove").text)
    yield from notes()


def notes() -> Iterator[Question]:
    content, _, _ = small_file()
    file = content["file"]
    for about, changes in {
        "no note": None,
        "a short id": {"id": "AAAA"},
        "no name": {"name": ""},
        "a name of 256 characters": {"name": "x" * 256},
        "a type of 128 characters": {"type": "🐤" * 128},
        "a type that is none": {"type": None},
        "a negative size": {"size": -1},
        "a size of a half": {"size": 249.5},
        "a size that is a text": {"size": "250"},
        "a size that is true": {"size": True},
        "too large": {"size": 67_108_865, "chunk": 131_072},
        "chunks of nothing": {"chunk": 0},
        "chunks that are too large": {"chunk": 131_073},
        "a short key": {"key": "AAAA"},
        "a hash too few": {"size": 350},
        "a preview that is none": {"preview": None},
    }.items():
        changed_note = None if changes is None else {**file, **changes}
        args = message_args(kind="file", content={"file": changed_note})
        yield about, "message.open", relayed(result("message.make", **args)["encrypted"])


def limits() -> Iterator[Question]:
    """More than there may be: too long to stand in the file of vectors."""
    text = b'{"text":"' + b"x" * 16_001 + b'"}'
    yield "a text of 16,001 characters", "message.open", relayed(signed_by_ann(text).text)
    file = {**small_file()[0]["file"], "preview": to_text(bytes(24 * 1024 + 1))}
    made = result("message.make", **message_args(kind="file", content={"file": file}))
    yield "a preview that is too large", "message.open", relayed(made["encrypted"])


# --- sections 8 to 10 ---


def signals() -> Iterator[Question]:
    told = result("head.make", **head_args())
    body, signature = unpack(from_text(told), 2)
    for about, encrypted in {
        "no text": 5,
        "not base64url": f"{told}=",
        "a field too many": to_text(pack(body, signature, b"")),
        "a head signed by another": to_text(pack(body, BOB.identity.sign(body))),
        "a head of another chain": result("head.make", **head_args(**of(CY))),
        "a head of another session": ann_says(1, fixed("another session", 16)),
        "half an entry": ann_says(6, bytes(31)),
        "a short hash": ann_says(5, hash_of(7)[1:]),
        "a number of 2^53": ann_says(4, TOO_LARGE),
        "a signal number of 2^53": ann_says(3, TOO_LARGE),
        "neither head nor signal": ann_says(0, b"hushwire/1/card"),
    }.items():
        yield about, "signal.read", heard(encrypted)
    told = result("signal.make", **signal_args())
    head, sealed = unpack(from_text(told), 2)
    for about, encrypted in {
        "for another member": result("signal.make", **signal_args(card=CY.card.text)),
        "from another member": result("signal.make", **signal_args(**of(CY))),
        "an edited signal number": to_text(pack(changed(head, -1), sealed)),
        "an edited signal": to_text(pack(head, changed(sealed, -1))),
        "without a nonce": to_text(pack(head, sealed[:20])),
        "a field of the head too many": to_text(pack(head + pack(b""), sealed)),
        "no kind": ann_whispers(b""),
        "a kind that is not UTF-8": ann_whispers(pack(NOT_UTF8)),
        "a cut field": ann_whispers(pack(b"keys", b"abc")[:-1]),
        "a signal number that is too large": ann_whispers(pack(b"keys"), TOO_LARGE),
    }.items():
        yield about, "signal.read", heard(encrypted)
    yield "read by another", "signal.read", heard(told, CY)


def ann_says(at: int, value: bytes) -> str:
    """A head that Ann signed, of which one field is not as it must be."""
    body, _ = unpack(from_text(result("head.make", **head_args())), 2)
    fields = unpack(body, 7)
    fields[at] = value
    return to_text(pack(pack(*fields), ANN.identity.sign(pack(*fields))))


def ann_whispers(plain: bytes, number: bytes = u64(MADE_MS)) -> str:
    """A signal of Ann for Bob, whatever is in it."""
    parties = (LINK.session_id, ANN.member_id, BOB.member_id)
    head = pack(b"hushwire/1/signal", *parties, number)
    shared = ANN.identity.agree(BOB.identity.box_key)
    key = derive(shared, LINK.link_key, "signal", *parties)
    return to_text(pack(head, seal_with_nonce(key, head, pad(plain, 256), fixed("signal", 24))))


def chunks() -> Iterator[Question]:
    content, note, sealed = small_file()
    place = pack(b"hushwire/1/chunk", note.file_id, u64(1), u64(note.count))
    for about, index, chunk in [
        ("another chunk", 1, sealed[0]),
        ("another under the same key", 1, seal(note.key, bytes(16) + u64(1), place, b"other")),
        ("an edited chunk", 1, changed(sealed[1], 5)),
        ("beyond the end", 3, sealed[2]),
        ("nothing", 0, b""),
    ]:
        yield about, "chunk.open", {"content": content, "index": index, "sealed": chunk}
    # Announced like that, by whoever has the key.
    for about, index, size in [("longer than it says", 0, 101), ("a longer last one", 2, 51)]:
        place = pack(b"hushwire/1/chunk", note.file_id, u64(index), u64(note.count))
        chunk = seal(note.key, bytes(16) + u64(index), place, fixed("file", size))
        hashes = [digest(chunk if at == index else one) for at, one in enumerate(sealed)]
        said = {"file": {**content["file"], "hashes": to_text(b"".join(hashes))}}
        yield about, "chunk.open", {"content": said, "index": index, "sealed": chunk}

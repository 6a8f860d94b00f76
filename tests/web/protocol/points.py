"""Ed25519 keys and signatures that libraries judge differently: points outside of the main group.

The curve has eight points of small order. Adding one to a key or to the R of a signature gives what
is right under the equation with the cofactor, and wrong under that without. Who knows the secrets
can make them, so two clients could be made to disagree on what was said.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha512

Point = tuple[int, int]

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
ZERO: Point = (0, 1)

SECRET = 0x5EC2E7 * 2**200 + 12345
NONCE = 0x4051CE * 2**200 + 67890


@dataclass(frozen=True)
class Signed:
    about: str
    key: bytes
    data: bytes
    signature: bytes


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    k = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, PRIME)
    return x % PRIME, (y1 * y2 + x1 * x2) * pow(1 - k, -1, PRIME) % PRIME


def times(factor: int, point: Point) -> Point:
    total = ZERO
    for bit in f"{factor:b}":
        total = add(total, total)
        total = add(total, point) if bit == "1" else total
    return total


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def on_curve(y: int) -> Point | None:
    """The point of this y, with the even x; None if there is none."""
    squared = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(squared, (PRIME + 3) // 8, PRIME)
    if (x * x - squared) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if (x * x - squared) % PRIME:
        return None
    return (PRIME - x if x & 1 else x) % PRIME, y


def small_points() -> list[Point]:
    """The eight points of small order: multiples of one of order eight."""
    for y in range(2, 100):
        point = on_curve(y)
        small = times(ORDER, point) if point else ZERO
        if times(4, small) != ZERO:
            return [times(factor, small) for factor in range(8)]
    raise AssertionError("half of all points have such a part")


BASE = on_curve(4 * pow(5, -1, PRIME) % PRIME) or ZERO
SMALL = small_points()


def odd_signatures() -> Iterator[Signed]:
    """Keys and Rs with each small part, of small order, and written in a second way."""
    key, r = times(SECRET, BASE), times(NONCE, BASE)
    for i, j in ((i, j) for i in range(8) for j in range(8)):
        about = f"key with small part {i}, R with {j}"
        yield signed(about, encode(add(key, SMALL[i])), encode(add(r, SMALL[j])), SECRET, NONCE)
    for i in range(8):
        small = encode(SMALL[i])
        yield signed(f"key of small order {i}", small, encode(r), 0, NONCE)
        yield signed(f"R of small order {i}", encode(key), small, SECRET, 0)
        yield signed(f"both of small order {i}", small, small, 0, 0)
    for y in range(19):
        point = on_curve(y)
        if point:
            second = (y + PRIME).to_bytes(32, "little")
            yield signed(f"key written as {y} + p", second, encode(r), 0, NONCE)
            yield signed(f"R written as {y} + p", encode(key), second, SECRET, 0)
    yield with_larger_s(signed("S + order", encode(key), encode(r), SECRET, NONCE))


def signed(about: str, key: bytes, r: bytes, secret: int, nonce: int) -> Signed:
    data = about.encode()
    k = int.from_bytes(sha512(r + key + data).digest(), "little")
    s = (nonce + k * secret) % ORDER
    return Signed(about, key, data, r + s.to_bytes(32, "little"))


def with_larger_s(one: Signed) -> Signed:
    s = int.from_bytes(one.signature[32:], "little") + ORDER
    return Signed(one.about, one.key, one.data, one.signature[:32] + s.to_bytes(32, "little"))

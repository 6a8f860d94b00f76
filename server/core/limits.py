"""Bounds on sizes and counts, and rates. Every number here is a setting with a unit."""

from msgspec import Struct, structs


class Bounds(Struct, frozen=True):
    """How large things may be. They hold even where the rates are lifted.

    Attributes:
        users: Of whom live state is remembered that outlives their group.
        total_bytes: For the messages and public keys of all live rooms and users together.
        account_bytes: Of the messages of one account that are stored.
        metadata_bytes: Of one message, beside its ciphertext.
        room_members: Of one durable room.
        rooms_per_user: Durable rooms that one is a member of, and conversations that one begins.
        rooms_by_stranger, rooms_by_strangers: Durable rooms into which one is put by somebody,
            or by all, with whom one takes part in none.
        queue_events, queue_events_of_sender: That wait for one device, in all and of one sender.
        queue_rotations: Places of a queue beyond these, for what is about keys.
        requests_by_strangers: Conversations that such have begun with one, and that wait for an
            answer; see `REQUEST_LIFE_MS`.
        workspaces_per_user, workspaces_by_user: That one is in; that one has made.
        workspaces_by_stranger, workspaces_by_strangers: Into which one is put by somebody, or by
            all, with whom one takes part in no workspace and no room.
        post_bytes: Of a message that is sealed, in UTF-8.
        attachments, attachments_bytes: Of one message: objects, and all of them as JSON.
        emojis, reactions: Of one message: different ones, and all of them.
        file_bytes, workspace_file_bytes: Of one file, and of all of a workspace.
        joined_rooms, joined_workspaces: That one connection hears of.
    """

    id_chars: int = 128
    name_chars: int = 512
    key_chars: int = 512
    ciphertext_bytes: int = 512 * 1024
    public_key_bytes: int = 16 * 1024
    rooms: int = 100_000
    rooms_per_connection: int = 16
    groups: int = 100_000
    users: int = 500_000
    blocks_per_user: int = 1_000
    reports: int = 10_000
    evidence_bytes: int = 32 * 1024
    total_bytes: int = 512 * 1024 * 1024
    account_bytes: int = 1024 * 1024 * 1024
    metadata_bytes: int = 256 * 1024
    room_members: int = 200
    rooms_per_user: int = 1_000
    rooms_by_stranger: int = 10
    rooms_by_strangers: int = 100
    requests_by_strangers: int = 200
    description_chars: int = 2_000
    queue_events: int = 10_000
    queue_events_of_sender: int = 1_000
    queue_rotations: int = 1_000
    workspaces_per_user: int = 100
    workspaces_by_user: int = 20
    workspaces_by_stranger: int = 10
    workspaces_by_strangers: int = 50
    workspace_members: int = 10_000
    icon_chars: int = 64
    post_bytes: int = 256 * 1024
    attachments: int = 20
    attachments_bytes: int = 16 * 1024
    emojis: int = 20
    reactions: int = 2_000
    file_bytes: int = 25 * 1024 * 1024
    workspace_file_bytes: int = 10 * 1024 * 1024 * 1024
    joined_rooms: int = 200
    joined_workspaces: int = 20

    @property
    def id_bytes(self) -> int:
        """Of the longest id in UTF-8, whatever its letters."""
        return 4 * self.id_chars


class Rate(Struct, frozen=True):
    """A token bucket: `burst` at once, then `per_minute` evenly."""

    per_minute: int
    burst: int


def even(per_minute: int) -> Rate:
    """A rate of which a quarter of a minute's worth may come at once."""
    return Rate(per_minute, burst=max(1, per_minute // 4))


class Rates(Struct, frozen=True):
    """How often one address, or one member, may do a thing. None lifts that rate.

    Attributes:
        events: Of one connection, or of one user over HTTP, whatever they ask for.
        guest: Tokens that one address is given.
        match: Groups that one user joins, anew or by moving on.
        lookup: Public keys that one user asks for.
        report, address_report: Reports by one user, and from one address.
        claim: Prekeys that one user is given of another, each of which costs `CLAIM_COST`.
        claimed: Prekeys of one user that all others together are given.
        keys: Changes by one device of its own keys.
        public_key: Changes of the key that one account shows, each of which costs
            `KEY_CHANGE_COST`.
        typing: Notices of one user that it is typing, or no longer.
        presence: Questions of one user who is online.
        converse: Rooms that one user makes or ends, and members that it adds or removes; in
            workspaces also what it renames, and roles that it gives.
        search: Searches of one user.
        files: That one user uploads.
        totals: Questions from one address how many groups there are.
        sign_up: Accounts made from one address.
        sign_in: Tries at one account from one address; passwords that one user changes.
        address_sign_in: Tries from one address, at whatever accounts.
        account_sign_in: Tries at one account from all addresses that it does not know.
        sign_in_anew: From one such address, when those are used up.
        refresh: Tokens that one address renews.
        bad_token: Tokens from one address over HTTP that turn out to be no good.
    """

    reserve: Rate | None = even(120)
    join: Rate | None = even(1_200)
    connect: Rate | None = even(1_200)
    send: Rate | None = even(1_200)
    events: Rate | None = even(6_000)
    guest: Rate | None = even(60)
    match: Rate | None = even(40)
    lookup: Rate | None = even(240)
    report: Rate | None = even(12)
    address_report: Rate | None = even(40)
    claim: Rate | None = Rate(per_minute=1, burst=60)
    claimed: Rate | None = Rate(per_minute=5, burst=200)
    keys: Rate | None = even(60)
    public_key: Rate | None = Rate(per_minute=1, burst=60)
    typing: Rate | None = even(240)
    presence: Rate | None = even(60)
    converse: Rate | None = even(240)
    search: Rate | None = even(60)
    files: Rate | None = even(120)
    totals: Rate | None = even(120)
    sign_up: Rate | None = even(40)
    sign_in: Rate = even(20)
    address_sign_in: Rate = even(120)
    account_sign_in: Rate = even(60)
    sign_in_anew: Rate = Rate(1, burst=1)
    refresh: Rate | None = even(480)
    bad_token: Rate | None = even(600)

    def lifted(self) -> "Rates":
        """Nothing is counted but tries at passwords."""
        kept = ("sign_in", "address_sign_in", "account_sign_in", "sign_in_anew")
        none = dict.fromkeys(set(self.__struct_fields__) - set(kept))
        return structs.replace(self, **none)

    @classmethod
    def off(cls) -> "Rates":
        """The same, of the default rates."""
        return cls().lifted()


REQUEST_LIFE_MS = 30 * 24 * 60 * 60_000
"""For so long a conversation that nobody answers counts: else strangers could keep all new ones
away from somebody for ever."""

BYTES_AN_EVENT = 8 * 1024
"""Of an answer, that count as one event more."""

CLAIM_COST = 12
"""Tokens, of a rate of sixty an hour: five claims an hour."""

KEY_CHANGE_COST = 12
"""The same: five changes at once, then one every twelve minutes. Each is told to all members of all
groups."""

WRONG_KEY_COST = 25
"""Tokens that a wrong key costs on top, of the join or reserve rate, so that guessing ends soon."""

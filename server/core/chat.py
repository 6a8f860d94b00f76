"""The core as its callers hold it."""

from msgspec import Struct

from server.core.accounts import Accounts
from server.core.conversations import Conversations
from server.core.device_keys import DeviceKeys
from server.core.durable_messages import DurableMessages
from server.core.groups import Groups
from server.core.identities import Identities
from server.core.logins import Logins
from server.core.messages import Messages
from server.core.presences import Presences
from server.core.queues import Queues
from server.core.recoveries import Recoveries
from server.core.revocations import Revocations
from server.core.rooms import Rooms
from server.core.signins import SignIns
from server.core.tokens import Tokens
from server.core.workspaces.attendance import Attendance
from server.core.workspaces.channels import Channels
from server.core.workspaces.files import Files
from server.core.workspaces.posts import Posts
from server.core.workspaces.rotation import Rotation
from server.core.workspaces.standings import Standings
from server.core.workspaces.workspaces import Workspaces


class Chat(Struct, frozen=True, kw_only=True):
    """Everything a handler may call. Made once, by the composition root.

    Attributes:
        sign_ins: Of connections of Socket.IO; their users are there for live rooms.
        chat_sign_ins: Of those in the namespace of workspaces, which are in no live room.
        socket_sign_ins: Of raw WebSockets, which are in no live room.
    """

    rooms: Rooms
    messages: Messages
    groups: Groups
    tokens: Tokens
    sign_ins: SignIns
    chat_sign_ins: SignIns
    socket_sign_ins: SignIns
    revocations: Revocations
    recoveries: Recoveries
    accounts: Accounts
    conversations: Conversations
    mail: DurableMessages
    presences: Presences
    queues: Queues
    identities: Identities
    logins: Logins
    device_keys: DeviceKeys
    workspaces: Workspaces
    channels: Channels
    posts: Posts
    attendance: Attendance
    standings: Standings
    files: Files
    rotation: Rotation

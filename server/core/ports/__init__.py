"""What the core needs of its stores. Each protocol states a guarantee; each backend keeps it.

Every method is one invariant and therefore atomic: it either does the whole thing or, with
an `AppError`, nothing. Time always comes in as `now_ms` (milliseconds since the epoch).
"""

from server.core.events import Group as Group
from server.core.ports.accounts import Account as Account
from server.core.ports.accounts import AccountPage as AccountPage
from server.core.ports.accounts import AccountSession as AccountSession
from server.core.ports.accounts import AccountStore as AccountStore
from server.core.ports.accounts import Block as Block
from server.core.ports.accounts import Claim as Claim
from server.core.ports.accounts import Claimed as Claimed
from server.core.ports.accounts import Device as Device
from server.core.ports.accounts import Found as Found
from server.core.ports.accounts import NewAccount as NewAccount
from server.core.ports.accounts import NewTokens as NewTokens
from server.core.ports.accounts import Rotated as Rotated
from server.core.ports.accounts import Sessions as Sessions
from server.core.ports.accounts import SignIn as SignIn
from server.core.ports.accounts import SignInDevice as SignInDevice
from server.core.ports.accounts import SignInOutcome as SignInOutcome
from server.core.ports.backlog import Backlog as Backlog
from server.core.ports.backlog import BacklogPage as BacklogPage
from server.core.ports.broker import Broker as Broker
from server.core.ports.broker import Deliver as Deliver
from server.core.ports.broker import Missed as Missed
from server.core.ports.broker import Placed as Placed
from server.core.ports.groups import GroupPage as GroupPage
from server.core.ports.groups import GroupStore as GroupStore
from server.core.ports.groups import GroupSummary as GroupSummary
from server.core.ports.groups import GroupTotals as GroupTotals
from server.core.ports.groups import HistoryPage as HistoryPage
from server.core.ports.groups import Matched as Matched
from server.core.ports.groups import NewGroup as NewGroup
from server.core.ports.groups import Post as Post
from server.core.ports.groups import Report as Report
from server.core.ports.groups import Reported as Reported
from server.core.ports.groups import SavedKey as SavedKey
from server.core.ports.groups import Wish as Wish
from server.core.ports.peers import Peers as Peers
from server.core.ports.presences import PresenceStore as PresenceStore
from server.core.ports.rates import RateLimiter as RateLimiter
from server.core.ports.recoveries import RecoveryStore as RecoveryStore
from server.core.ports.recoveries import Session as Session
from server.core.ports.recoveries import Standing as Standing
from server.core.ports.rooms import Appended as Appended
from server.core.ports.rooms import Draft as Draft
from server.core.ports.rooms import Entry as Entry
from server.core.ports.rooms import Joined as Joined
from server.core.ports.rooms import Reservation as Reservation
from server.core.ports.rooms import RoomStore as RoomStore
from server.core.ports.rooms import RoomSummary as RoomSummary
from server.core.ports.rooms import RoomTotals as RoomTotals
from server.core.ports.topics import Topics as Topics
from server.core.ports.user_broker import DeliverToUser as DeliverToUser
from server.core.ports.user_broker import UserBroker as UserBroker

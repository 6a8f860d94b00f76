"""A member of random groups: what it knows, what it says, and how a report is judged.

told.py     what the relay says, brought into shape
people.py   whose card was seen first, and who shows another one since
epochs.py   which members were told under which number
keyring.py  chains of keys that others have sent
inbox.py    messages as they come
outbox.py   own chains of keys, and messages on their way
member.py   all of it together, without a connection and without a clock
visitor.py  a member at its connection, one group after the other
talk.py     the visitor at a terminal
verdict.py  scripts/verify-report
"""

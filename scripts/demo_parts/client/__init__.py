"""One member of a session, apart from any connection: what it knows, and what it says.

member.py   all of it together: what is heard goes in, what is to be said comes out
roster.py   who is there, whose card is right, who was put out
keyring.py  keys: own ones in use, those that can be read with, those that are lacking
inbox.py    messages that come: checked, placed in their chains, opened
outbox.py   messages that go: sealed, and each tied to the one before
chains.py   what may be missing of each sender's messages
postman.py  signals, there and back
heads.py    what each sender's newest message is, told and heard
files.py    files: offered, fetched chunk by chunk, and served
"""

"""The part of docs/PROTOCOL.md on groups of strangers: bytes in, bytes out.

place.py     what all is bound to: the group, and its members at a time
cards.py     the keys and the pseudonym that somebody claims
chains.py    a key for each message, made of the one before
keys.py      how keys come to members, and how they are asked for
messages.py  messages, sealed and signed
safety.py    numbers to compare by eye
evidence.py  what a report reveals
"""

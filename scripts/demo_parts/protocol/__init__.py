"""Hushwire's end-to-end protocol, as docs/PROTOCOL.md has it: bytes in, bytes out.

packing.py     fields into bytes and back, base64url, padding
primitives.py  libsodium's, through PyNaCl
link.py        what people hand to each other outside of the relay
identity.py    a member's secrets, and the id that its keys make
cards.py       a member's keys and name, proved to all who have the link
epochs.py      keys for a while, wrapped for each recipient
envelopes.py   messages, sealed and signed
contents.py    what an opened message says
chains.py      what of a sender's messages is missing, late, repeated or forked
signals.py     heads, and words between two
chunks.py      files
file_names.py  what they are called
safety.py      numbers to compare by eye
channels.py    what stands for link and cards in channels of workspaces
refusal.py     why something is not accepted
strangers/     what is different in groups of people who share no link
"""

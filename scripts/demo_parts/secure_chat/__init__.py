"""`scripts/demo --secure-chat`: the flow of secure chat, and the proof that its server is blind.

keys.py     what a device keeps secret, and what it publishes
x3dh.py     a secret with somebody who is away, from the keys that it has published
sessions.py what one device has agreed on with others: messages into ciphertext and back
device.py   a device of somebody, over HTTP
line.py     its WebSocket
story.py    what happens, scene by scene
stand.py    a server of its own for the story
proof.py    the search for all secrets in all that the server keeps
play.py     any story of people with accounts, and the search
"""

"""The demo: two people talk over a running server, and then look for their words in it.

story.py    what happens, scene by scene
person.py   one side of the conversation: keys, a connection, all that it heard
sealing.py  the cryptography
canary.py   planted text, and every form in which it could turn up
evidence.py what the server shows, logs, stores and holds in memory
memory.py   reading the memory of a process
record.py   the transcript and the verdicts
"""

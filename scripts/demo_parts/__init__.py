"""The demo: two people talk over a running server, and then look for their words in it.

story.py    what happens, scene by scene
files.py    one of them: a file
talk.py     instead of the story: joining a session that others have made
person.py   a member at its connection
line.py     the connection, and all that was heard on it
client/     the member apart from any connection
protocol/   the cryptography: docs/PROTOCOL.md
canary.py   planted text, and every form in which it could turn up
evidence.py what the server shows, logs, stores and holds in memory
memory.py   reading the memory of a process
secure_chat/ the same of secure chat, on a server of its own
channel/    the same of a channel of a workspace
record.py   the transcript and the verdicts
"""

"""`scripts/demo --channel`: a channel of a workspace, where each sender has keys of its own.

keyring.py    the keys that a device writes and reads with
talk.py       messages of the channel into envelopes and back
colleague.py  somebody with a device, over HTTP and Socket.IO
files.py      a file, sealed by who sends it
leaver.py     what somebody who has left tries, to read on
story.py      what happens, scene by scene
"""

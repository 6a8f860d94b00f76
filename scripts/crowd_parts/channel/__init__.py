"""What `scripts/crowd channel` runs: many people in one channel of a workspace.

`model` knows what was said and read, and so what everybody's unread count must be; `member` is one
of them at its connection; `day` is what they do; `figures` is how long it took, and what it cost.
"""

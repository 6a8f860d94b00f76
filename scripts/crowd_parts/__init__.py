"""What `scripts/crowd` runs.

`line` is one connection with a token, `person` does things at random and tells the `checker` all
that it hears, which knows what must be true of random groups, and nothing of any wire.

`channel/` does the same with many people in one channel of a workspace.
"""

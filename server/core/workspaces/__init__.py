"""Workspaces: people who belong together, and the conversations that only they can have.

A conversation of a workspace is a durable room like any other. Its content is opaque, then it is a
room for all APIs; or it is sealed, encrypted at rest by us, and then there is no such room outside
of the workspace.
"""

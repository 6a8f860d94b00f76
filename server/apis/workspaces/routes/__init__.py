"""The REST routes of workspaces."""

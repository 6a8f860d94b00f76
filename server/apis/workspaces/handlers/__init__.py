"""What can be done in workspaces."""

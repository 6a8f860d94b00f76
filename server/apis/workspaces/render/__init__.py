"""From results and events of the core to the words of workspaces."""

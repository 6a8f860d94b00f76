"""What clients may ask of workspaces."""

"""Workspaces in SQL."""

from server.stores.sql.workspaces.leaving import leave_workspaces as leave_workspaces
from server.stores.sql.workspaces.workspaces import SqlWorkspaces as SqlWorkspaces

"""Workspaces in SQL."""

from server.stores.sql.workspaces.channels import SqlChannels as SqlChannels
from server.stores.sql.workspaces.leaving import leave_workspaces as leave_workspaces
from server.stores.sql.workspaces.posts import SqlPosts as SqlPosts
from server.stores.sql.workspaces.workspaces import SqlWorkspaces as SqlWorkspaces

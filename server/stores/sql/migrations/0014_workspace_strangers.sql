-- Who has let a member into a workspace, and whether that one was a stranger to it then. `added_by`
-- is NULL of those who made it, or came by what a token names.
ALTER TABLE workspace_members ADD COLUMN added_by TEXT;

ALTER TABLE workspace_members ADD COLUMN unasked BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX workspace_members_unasked ON workspace_members (user_id) WHERE unasked;

"""Durable state in SQL: one schema and one text of each statement, for SQLite and PostgreSQL.

A store's method is a generator of statements, its *steps*, which run in one transaction; the
two engines differ only in how they run them. `steps` has what methods are written in,
`database` what an engine promises, and `migrations` how the schema comes to be.

PostgreSQL runs transactions beside each other. So that none waits for one that waits for it, rows
are locked, or changed, in this order:

    refresh_tokens
    accounts             several by id; then foreign_users
    token_families       known addresses and logins are only changed under a locked account
    devices
    account_blocks
    workspaces           several by id
    workspace_members    several by workspace and user
    device_keys          several by device; then identity_keys, prekeys, spent_prekeys
    rooms                several by id
    room_members         several by room
    files                several by id, that hang on nothing yet
    messages             several by seq; then receipts
    posts                several by room and seq; then reactions, word_tokens
    files                several by room and seq, or by id, all others
    device_cursors       then device_acks
    stored_bytes         several by user

- Who sends, or changes or ends a room, locks the room. Who acknowledges locks its own place in it,
  `room_members`, and not the room; who revokes devices or deletes an account locks all its places.
- Who hangs files on a message holds its room, then these files, also if the message is there.
- Who changes who is in a workspace locks it; who is removed then leaves its rooms, by their ids.
- Accounts, workspaces and rooms are locked FOR NO KEY UPDATE: a new row that refers to one asks,
  late, for a lock that this lets pass.
- Who sweeps up what has expired passes by what others have locked, and batches by locked rooms.
- Who revokes several devices goes through all of this for one after the other, in their order.
  That is well because nobody else waits for a device while it has what comes further down.
"""

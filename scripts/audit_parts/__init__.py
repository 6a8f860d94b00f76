"""`scripts/audit-blindness`: looks for secrets in all that a running deployment keeps and shows.

forms.py      a secret in every form in which it could turn up
search.py     looking through a stream of bytes, also inside gzip
looks.py      what was looked at, and what was found there
files.py      files of any kind: logs, databases, backups
databases.py  every row, as SQL shows it
redis_keys.py every key of Redis, of every type
pages.py      what the server shows to operators
everywhere.py all of these places, of one server
planting.py   a message of two throw-away accounts, whose secrets are known
colleagues.py what they say in a workspace, name there, and send as files
"""

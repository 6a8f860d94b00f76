"""Durable state in SQL: one schema and one text of each statement, for SQLite and PostgreSQL.

A store's method is a generator of statements, its *steps*, which run in one transaction; the
two engines differ only in how they run them. `steps` has what methods are written in,
`database` what an engine promises, and `migrations` how the schema comes to be.
"""

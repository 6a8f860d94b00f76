"""A simulation of many nodes that share Redis; docs/SCALING.md tells what it is good for.

Nodes and the servers of Redis are queues: each does one thing at a time, and what a thing takes
was measured on real ones. Rooms, who is in them at which node, and when somebody says something
are drawn by chance. No server is started.
"""

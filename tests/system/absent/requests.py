"""Not there where the server is installed, so not for the servers of tests either.

The packages of the tests bring it; python-engineio would load it, which takes a process longer
than all of the server's own transports.
"""

raise ImportError("no package of the runtime lock")

"""The benchmark: this server, Node's socket.io and stock python-socketio under the same load.

workloads.py  the workloads, and what each figure is
servers.py    the three servers: how each starts, and where
stock.py      python-socketio as shipped; node/server.js is Node's
load/         the load generator, in C; generator.py compiles and runs it
summary.py    medians and ratios
report.py     the table
machine.py    where it ran, and with which versions
"""

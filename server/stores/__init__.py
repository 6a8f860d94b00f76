"""Where the state lives: one package a backend, each keeping the protocols of `core/ports.py`."""

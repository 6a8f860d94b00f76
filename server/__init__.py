"""Hushwire: a relay for end-to-end-encrypted chat that cannot read what it carries.

Start with `app.py`: it shows every part and how they meet. `core` is the model,
`apis` are the vocabularies that clients speak, `transports` carry them over HTTP and
Socket.IO, `stores` keep the state.
"""

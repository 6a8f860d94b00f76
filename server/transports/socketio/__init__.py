"""Socket.IO: python-socketio's server, with the edges that users and attackers meet made firm."""

"""Raw WebSockets: JSON frames, for clients that speak no Socket.IO."""

"""The machines that run any API's tables, over HTTP and over Socket.IO."""

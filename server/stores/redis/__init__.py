"""Live state that many processes share, in Redis 6.2 or newer (one server, Sentinel, Cluster)."""

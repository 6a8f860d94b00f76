class RedisRateLimiter:
    pass

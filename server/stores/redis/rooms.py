class RedisRooms:
    pass

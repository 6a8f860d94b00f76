class RedisGroups:
    pass

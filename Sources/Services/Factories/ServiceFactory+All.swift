extension ServiceFactory {
    /// What most programs store and cache with: `kvstore_redis`, `kvstore_memory`, `redis_cache`, `redis`.
    public static let core: [ServiceFactory] = [redisKeyValueStore, inMemoryKeyValueStore, redisCache, redisClient]

    /// Every type of this package: the core, `lock`, `task_coordinator`, `rate_limiter`, `event_publisher`,
    /// `event_subscriber`.
    public static let all: [ServiceFactory] =
        core + [locks, taskCoordinator, rateLimiter, eventPublisher, eventSubscriber]
}

extension ServiceFactory {
    /// What most programs store and cache with: `kvstore_redis`, `kvstore_memory`, `redis_cache`, `redis`.
    public static let core: [ServiceFactory] = [redisKeyValueStore, inMemoryKeyValueStore, redisCache, redisClient]

    /// Every type of this package: the core, `cache_service`, `lock`, `task_coordinator`, `rate_limiter`,
    /// `event_publisher`, `event_subscriber`; not ``sessionStore(of:type:)``, which needs a type of yours.
    public static let all: [ServiceFactory] =
        core + [indexedCache, locks, taskCoordinator, rateLimiter, eventPublisher, eventSubscriber]
}

extension ServiceFactory {
    /// What most programs store and cache with: `kvstore_redis`, also as `kvrepository_redis`, `kvstore_memory`,
    /// `redis_cache`, `redis`.
    public static let core: [ServiceFactory] = [
        redisKeyValueStore, redisKeyValueRepository, inMemoryKeyValueStore, redisCache, redisClient,
    ]

    /// Every type of this package that a file can describe: the core, `cache_service`, `counters`,
    /// `windowed_counters`, `leaderboard`, `one_time_codes`, `lock`, `task_coordinator`, `rate_limiter`,
    /// `event_publisher`, `event_subscriber`.
    ///
    /// Not ``sessionStore(of:type:)``, ``leaderboard(of:type:)`` and ``expirySweeper(type:onExpire:)``, which need a
    /// type or a function of yours.
    public static let all: [ServiceFactory] =
        core + [
            indexedCache, counters, windowedCounters, leaderboard, oneTimeCodes, locks, taskCoordinator, rateLimiter,
            eventPublisher, eventSubscriber,
        ]
}

public import ServiceLifecycle

/// A client in a `ServiceGroup`: list it first, so that it is closed after the services that use it.
extension RedisClient: Service {
    /// Returns after a graceful shutdown, or when cancelled, with every connection closed.
    ///
    /// Commands work before it is called and until then; what is in flight is drained as by ``close(drain:)``.
    public func run() async throws {
        try? await gracefulShutdown()
        await close()
    }
}

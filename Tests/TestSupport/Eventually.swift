/// A condition that did not come true, or a signal that did not fire, in time.
public struct TestTimeout: Error, CustomStringConvertible {
    /// What was waited for.
    public let description: String

    /// Says what was waited for.
    public init(_ description: String) { self.description = description }
}

/// Polls a condition until it holds: the one place in the tests that sleeps.
///
/// For what emits no event: a server's counters, files, processes. Throws ``TestTimeout`` after `limit`, which is a
/// bound for a broken run and not part of what is tested: keep it generous.
public func eventually(
    _ what: String = "the condition", within limit: Duration = .seconds(30),
    isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    var pause = Duration.milliseconds(1)
    while true {
        // On a busy machine the answer may come long after the question: only a question asked too late is too late.
        let asked = ContinuousClock.now
        if try await condition() { return }
        guard asked < deadline else { throw TestTimeout("\(what) did not hold within \(limit)") }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(20))
    }
}

/// Runs a body once `limit` has passed, unless the returned task is cancelled before: for time limits.
func after(_ limit: Duration, _ body: @escaping @Sendable () -> Void) -> Task<Void, any Error> {
    Task {
        try await Task.sleep(for: limit)
        body()
    }
}

/// Runs a body and gives up on it after `limit`: a test that would hang fails instead.
///
/// The body is cancelled at the limit; it has to react to that. Around ``withRedisServer(_:isolation:_:)`` it waits for
/// the test's turn first, so that the limit counts from there.
public func within<T: Sendable>(
    _ limit: Duration = .seconds(60), _ what: String = "the operation",
    _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    try await ServerSlots.withSlot { try await limited(limit, what, body) }
}

private func limited<T: Sendable>(
    _ limit: Duration, _ what: String, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
    try await withThrowingTaskGroup(of: T?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            throw TestTimeout("\(what) did not end within \(limit)")
        }
        return value
    }
}

/// Runs a handler for a time at most.
struct HandlerLimit: Sendable {
    /// The handler did not return in time.
    struct Exceeded: Error, CustomStringConvertible {
        let limit: Duration
        var description: String { "it took longer than \(limit)" }
    }

    let limit: Duration?

    /// Cancels what takes longer, and throws ``Exceeded`` without waiting for its end.
    ///
    /// When the caller is cancelled so is the handler, and is waited for, within the limit.
    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        guard let limit else { return try await body() }
        // The first that is told holds.
        let (stream, told) = AsyncStream<Result<Void, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let work = Task {
            do {
                try await body()
                told.yield(.success(()))
            } catch {
                told.yield(.failure(error))
            }
        }
        let alarm = Task {
            try? await ContinuousClock().sleep(for: limit)
            guard !Task.isCancelled else { return }
            told.yield(.failure(Exceeded(limit: limit)))
            work.cancel()
        }
        defer { alarm.cancel() }
        // A task of its own: a cancelled one would not wait.
        let first = Task { await stream.first { _ in true } }
        let result = await withTaskCancellationHandler {
            await first.value
        } onCancel: {
            work.cancel()
        }
        try result?.get()
    }
}

import Metrics

/// Idempotency keys for HTTP handlers: a request that is sent again is answered again and not handled again.
///
/// ```swift
/// let idempotency = Idempotency(RedisIdempotencyStore(redis))
/// let fingerprint = RequestFingerprint(method: "POST", path: "/orders", body: body)
/// switch try await idempotency.run(key: "\(account):\(header)", fingerprint) { try await placeOrder(body) } {
/// case .handled(let response), .replayed(let response): return response
/// case .conflict: return .init(status: 409)                 // the first one is still being handled
/// case .keyReused: return .init(status: 422)                // the same key, another request
/// case .unavailable: return .init(status: 409)              // answered before, but too long to be kept
/// }
/// ```
///
/// After draft-ietf-httpapi-idempotency-key-header. **At least once**: a handler that dies after its effect and before
/// its answer was stored is followed by another; make the effect repeatable, or do it in the same transaction as a
/// record of the key. The key comes from the client: put the account before it, so that nobody gets another's answer.
public struct Idempotency: Sendable {
    /// How a request ended.
    public enum Result: Sendable, Hashable {
        /// This call handled it.
        case handled(StoredResponse)
        /// It was handled before: the same answer.
        case replayed(StoredResponse)
        /// It is being handled: 409.
        case conflict
        /// The key was used for another request: 422.
        case keyReused
        /// It was handled before, but its answer was too long to be kept, or cannot be read.
        case unavailable
    }

    private let store: any IdempotencyStore
    private let wait: Duration
    private let longestResponse: Int
    private let keeps: @Sendable (StoredResponse) -> Bool

    /// A guard for handlers.
    ///
    /// - Parameters:
    ///   - store: Where answers are kept, and for how long.
    ///   - wait: How long a second request waits for the first one's answer before it gets `conflict`; zero for not.
    ///   - longestResponse: The largest answer kept, in bytes with its headers. A longer one goes to its caller; later
    ///     ones get `unavailable`, since handling it again would do it twice.
    ///   - keeps: Which answers are kept; the others free the key, so that the request can be sent again. All but those
    ///     of a server's failure (5xx) unless told otherwise. A handler that throws always frees the key.
    public init(
        _ store: any IdempotencyStore, wait: Duration = .zero, longestResponse: Int = 1_048_576,
        keeps: @escaping @Sendable (StoredResponse) -> Bool = { $0.status < 500 }
    ) {
        self.store = store
        self.wait = wait
        self.longestResponse = longestResponse
        self.keeps = keeps
    }

    /// Handles a request unless it was, or is being, handled.
    ///
    /// The handler is cancelled when the caller is. With ``RedisIdempotencyStore`` it runs in a task of its own, which
    /// is cancelled as well when the claim is lost; with ``InMemoryIdempotencyStore`` it runs in the caller's task, and
    /// the claim cannot be lost.
    ///
    /// - Parameters:
    ///   - key: 1 to 1,024 bytes: the header's value after whose it is.
    ///   - fingerprint: What makes it the same request.
    ///   - handler: Makes the answer.
    /// - Throws: what the handler throws; what the store throws when it cannot be asked, or when the claim was lost.
    public func run(
        key: String, _ fingerprint: RequestFingerprint,
        _ handler: @escaping @Sendable () async throws -> StoredResponse
    ) async throws -> Result {
        switch try await store.claim(key, fingerprint: fingerprint.text, wait: wait) {
        case .first(let turn):
            IdempotencyMetrics.handled.increment()
            return .handled(try await turn.run(keeps: keeps, encode: encode, handler))
        case .inProgress:
            IdempotencyMetrics.conflicts.increment()
            return .conflict
        case .answered(let bytes):
            IdempotencyMetrics.replayed.increment()
            return StoredResponse(stored: bytes).map(Result.replayed) ?? .unavailable
        case .answeredUnstored: return .unavailable
        case .reused:
            IdempotencyMetrics.reused.increment()
            return .keyReused
        }
    }

    private func encode(_ response: StoredResponse) -> [UInt8]? {
        guard let bytes = response.stored, bytes.count <= longestResponse else { return nil }
        return bytes
    }
}

/// What idempotency keys count.
enum IdempotencyMetrics {
    static let handled = Counter(label: "idempotency.handled")
    static let replayed = Counter(label: "idempotency.replayed")
    static let conflicts = Counter(label: "idempotency.conflicts")
    static let reused = Counter(label: "idempotency.reused")
}

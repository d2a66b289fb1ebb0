import FoundationEssentials
import Metrics
import RedisCore
import Synchronization

extension RedisSessionStore {
    /// Changes data and metadata, as if nobody else did at the same time; times stay as they are.
    ///
    /// Reads, changes, and writes if nobody else wrote meanwhile: two round trips, and one more for each time somebody
    /// did. A change whose reply was lost is not made twice.
    ///
    /// - Throws: `expired`, `revoked`, `notFound`: nothing is stored. `conflict` after 100 tries, `tooLarge`,
    ///   `unencodable`, `undecodable`; `unavailable`, with which the change may have been made; what `change` throws.
    @discardableResult
    public func update(
        _ id: SessionID, _ change: @Sendable (inout SessionContent<Value>) throws -> Void
    ) async throws -> Session<Value> {
        let operation = "session.update"
        try check()
        guard let reference = id.reference else { throw CacheError.noSession(.notFound, operation: operation) }
        var reply = try await run(
            scripts.read, [keys.session(reference), keys.index(reference.tag)], [reference.name, "0", "0"], operation)
        for attempt in 0..<Self.mostTries {
            let record = try active(reply, operation)
            var content: SessionContent<Value> = try coder.content(record, operation)
            try change(&content)
            let answer = try await write(content, over: record, reference, operation)
            reply = answer.reply
            switch reply.state {
            case .conflict:
                engine.metrics.sessions.conflicts.increment()
                try await Self.pause(attempt)
            case .ambiguous:
                throw CacheError(
                    .unavailable, operation: operation,
                    message: "the reply to a session's update was lost, and since then it ended, or changed too often,"
                        + " to tell whether the update was made",
                    underlying: answer.lost)
            case .active, .unknown, .expired, .revoked:
                let record = try active(reply, operation)
                if record.data != nil { content = try coder.content(record, operation) }
                return Session(id: id, info: SessionInfo(reference, record, content))
            }
        }
        throw CacheError(
            .conflict, operation: operation,
            message: "the session changed \(Self.mostTries) times while it was being updated; try again")
    }

    private static var mostTries: Int { 100 }

    /// Writes over the version that was read; a request without a reply is repeated as such, once.
    ///
    /// With the answer comes why there was none at first, if so.
    private func write(
        _ content: SessionContent<Value>, over record: SessionRecord, _ reference: SessionReference,
        _ operation: String
    ) async throws -> (reply: SessionReply, lost: (any Error)?) {
        let metadata = try coder.encode(metadata: content.metadata, operation)
        let data = try coder.encode(content.data, "a session's data", operation)
        let request = RequestNumber.next()
        func send(isRepetition: Bool) async throws -> SessionReply {
            try await run(
                scripts.update, [keys.session(reference), keys.index(reference.tag)],
                [reference.name, record.version, metadata, data, request, isRepetition ? "1" : "0"], operation)
        }
        do {
            return (try await send(isRepetition: false), nil)
        } catch let first as CacheError where first.mayHaveHappened {
            do {
                return (try await send(isRepetition: true), first.underlying)
            } catch let error as CacheError where error.code == .unavailable {
                throw error.keepingDoubt(of: first)
            }
        }
    }

    /// Those who lost twice wait a little, each for another time, so that not all of them meet again.
    private static func pause(_ attempt: Int) async throws {
        guard attempt > 1 else { return }
        try await Task.sleep(for: .microseconds(Int.random(in: 0...min(20_000, 200 << min(attempt, 10)))))
    }
}

/// Numbers of requests, by which a script knows one that comes again: 16 random hexadecimal digits.
enum RequestNumber {
    private static let random = Mutex(RandomPool())

    static func next() -> String {
        let digits = String(random.withLock { $0.next() }, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension CacheError {
    /// The connection went away between the request and its reply.
    fileprivate var mayHaveHappened: Bool {
        guard let error = underlying as? RedisError else { return false }
        return error.code == .connectionLost && error.wasWritten
    }
}

extension CacheError {
    /// The same error of a repetition: what the first attempt may have done stays possible.
    fileprivate func keepingDoubt(of first: CacheError) -> CacheError {
        let lost = first.underlying as? RedisError
        let now = underlying as? RedisError
        let cause = if let lost, let now { now.keepingDoubt(of: lost) } else { now ?? lost }
        return CacheError(code, operation: operation, key: key, message: message, underlying: cause)
    }
}

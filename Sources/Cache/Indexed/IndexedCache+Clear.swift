import RedisCore

extension IndexedCache {
    /// Deletes every item and counter of the namespace; how many there were.
    ///
    /// Goes through **all** keys of the database page by page, 1,000 looked at in a round trip, one more for each 200
    /// that belong here: the server is never busy for long, and other namespaces cost only the looking at. Indexes end
    /// with their items. What others write meanwhile may stay, and is then complete. Ends that came before are still
    /// told.
    ///
    /// - Throws: `unavailable`, `CancellationError`: some items may be gone, and a second call takes the rest.
    @discardableResult
    public func clearNamespace() async throws -> Int {
        try await observed("clearNamespace") {
            try check()
            var count = 0
            try await scan(keys.itemPattern, "clearNamespace") { page in
                let names = page.compactMap { String($0.utf8.dropFirst(keys.itemStart.utf8.count)) }
                // Small batches, so that each is done well within the time-out of a call.
                for start in stride(from: 0, to: names.count, by: 200) {
                    let batch = Array(names[start..<min(start + 200, names.count)])
                    count += try await delete(names: batch, "clearNamespace")
                }
            }
            // Members whose items expired or were evicted are all that is left in an index now.
            try await scan(keys.indexPattern, "clearNamespace") { page in
                for index in page { try await prune(RedisKey(index)) }
            }
            return count
        }
    }

    /// Takes all members without an item out of an index.
    private func prune(_ index: RedisKey) async throws {
        guard let members = members(of: index) else { return }
        var cursor: IndexCursor?
        repeat {
            cursor = try await query(index, members, cursor, 1_000, withValues: false, "clearNamespace").next
        } while cursor != nil
    }

    /// The membership that an index's key stands for.
    private func members(of index: RedisKey) -> String? {
        // By bytes: a value may begin with a mark that makes one character of the colon and itself.
        let parts = index.name.utf8.dropFirst("\(keys.root):index:".utf8.count)
            .split(separator: UInt8(ascii: ":")).map { String(decoding: $0, as: UTF8.self) }
        return parts.count == 2 ? "\u{1}\(parts[0])\u{2}\(parts[1])\u{3}" : nil
    }

    private func scan(
        _ pattern: String, _ operation: String, _ body: ([String]) async throws -> Void
    ) async throws {
        var cursor = IndexCursor.start
        repeat {
            try Task.checkCancellation()
            let command = RedisCommand("SCAN", cursor, "MATCH", pattern, "COUNT", 1_000)
            let reply = try await engine.call(operation, key: nil) { redis throws(RedisError) in
                try await redis.command(command, timeout: options.timeout)
            }
            guard case .array(let parts) = reply, parts.count == 2, case .bytes(let next) = parts[0],
                case .array(let found) = parts[1]
            else { throw CacheError(.unavailable, operation: operation, message: "SCAN got an answer that is none") }
            cursor = String(decoding: next, as: UTF8.self)
            let names = found.compactMap { value in
                if case .bytes(let name) = value { String(validating: name, as: UTF8.self) } else { nil }
            }
            if !names.isEmpty { try await body(names) }
        } while cursor != IndexCursor.start
    }
}

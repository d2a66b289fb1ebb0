/// MGET without a buffer of its own: encoded straight into the connection's.
struct ValuesCommand: SingleCommandSource {
    let keys: [RedisKey]

    func encode(into encoder: inout CommandEncoder) {
        encoder.begin(argumentCount: keys.count + 1)
        encoder.appendEncoded("$4\r\nMGET\r\n")
        for key in keys { encoder.append(key.name) }
    }

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        // One digit for the number of arguments; 16 bytes besides the name for each.
        guard keys.count < 9 else { return nil }
        let size = keys.reduce(32) { $0 + $1.name.utf8.count + 16 }
        guard size < ShortMemory.size else { return nil }
        var writer = WireWriter(memory.start)
        writer.writeArrayHead(keys.count + 1)
        writer.write("$4\r\nMGET\r\n")
        for key in keys { writer.writeBulk(key.name) }
        return send(writer.bytes)
    }
}

/// An array of strings and nulls.
enum ValuesReply: ReplySink {
    static var handler: any ReplyHandler.Type { Handler.self }

    enum Handler: SingleReplyHandler { typealias Sink = ValuesReply }

    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> ValueArray { try ValueArray(reply) }
}

extension RedisClient {
    /// MGET: the values of some keys in their order, nil for those without one.
    ///
    /// One round trip, repeated if its reply was lost; no keys, no round trip.
    package func values(of keys: [RedisKey], timeout: Duration? = nil) async throws(RedisError) -> ValueArray {
        guard !keys.isEmpty else { return ValueArray([]) }
        guard keys.allSatisfy({ !$0.name.isEmpty }) else { throw RedisError.emptyKey }
        return try await sender(.commands).send(
            ValuesCommand(keys: keys), ValuesReply.self, name: "MGET", isSafeToRepeat: true, timeout: timeout)
    }

    /// MGET of many keys that begin alike: `prefix` and each of `names`, then `others`.
    ///
    /// As ``values(of:timeout:)``, without a string for each key.
    package func values(
        prefix: String, names: [String], others: [RedisKey], timeout: Duration? = nil
    ) async throws(RedisError) -> ValueArray {
        guard !names.isEmpty || !others.isEmpty else { return ValueArray([]) }
        guard others.allSatisfy({ !$0.name.isEmpty }), !prefix.isEmpty || names.allSatisfy({ !$0.isEmpty }) else {
            throw RedisError.emptyKey
        }
        return try await sender(.commands).send(
            NamedValuesCommand(prefix: prefix, names: names, others: others), ValuesReply.self, name: "MGET",
            isSafeToRepeat: true, timeout: timeout)
    }
}

extension RedisError {
    fileprivate static var emptyKey: RedisError {
        RedisError(.invalidArgument, operation: "MGET", message: "MGET: a key is empty.")
    }
}

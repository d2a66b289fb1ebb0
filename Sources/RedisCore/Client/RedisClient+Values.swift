package import FoundationEssentials

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

    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> [Data?] {
        guard reply.kind == .array else { throw reply.mismatch([Data?].self) }
        var values: [Data?] = []
        values.reserveCapacity(reply.count)
        for index in 0..<reply.count {
            guard let element = reply.element(index) else { continue }
            let value = RedisReply(element, reply.arena)
            switch value.kind {
            case .null: values.append(nil)
            case .bytes: values.append(Data(value.rawBytes))
            default: throw value.mismatch(Data.self)
            }
        }
        return values
    }
}

extension RedisClient {
    /// MGET: the values of some keys in their order, nil for those without one.
    ///
    /// One round trip, repeated if its reply was lost; no keys, no round trip.
    package func values(of keys: [RedisKey], timeout: Duration? = nil) async throws(RedisError) -> [Data?] {
        guard !keys.isEmpty else { return [] }
        guard keys.allSatisfy({ !$0.name.isEmpty }) else {
            throw RedisError(.invalidArgument, operation: "MGET", message: "MGET: a key is empty.")
        }
        return try await sender(.commands).send(
            ValuesCommand(keys: keys), ValuesReply.self, name: "MGET", isSafeToRepeat: true, timeout: timeout)
    }
}

/// A script about one key that runs very often: only a part of the key and two numbers differ from call to call.
///
/// Everything else of its EVALSHA is encoded once, so a call allocates nothing. It is answered with four integers.
package final class KeyedScript: Sendable {
    /// The script beneath.
    package let script: RedisScript
    /// What stands in the key before and after the part that differs.
    let keyStart: String
    let keyEnd: String
    let constants: [String]
    /// `*n EVALSHA sha 1`, in wire format.
    let head: [UInt8]
    /// The constants, in wire format.
    let tail: [UInt8]

    /// A script with `KEYS[1]` between `keyStart` and `keyEnd`; `constants` follow the two numbers in ARGV.
    package init(_ script: RedisScript, keyStart: String, keyEnd: String, constants: [String]) {
        self.script = script
        self.keyStart = keyStart
        self.keyEnd = keyEnd
        self.constants = constants
        var encoder = CommandEncoder.anonymous()
        encoder.begin(argumentCount: 3 + 1 + 2 + constants.count)
        encoder.append("EVALSHA")
        encoder.append(script.sha)
        encoder.append(Int64(1))
        head = encoder.bytes
        encoder.removeAll()
        for constant in constants { encoder.append(constant) }
        tail = encoder.bytes
    }

    /// The whole key.
    package func key(_ name: String) -> String { keyStart + name + keyEnd }
}

/// What a ``KeyedScript`` answers.
package struct FourIntegers: Sendable, Hashable {
    package let first: Int64
    package let second: Int64
    package let third: Int64
    package let fourth: Int64
}

/// One call of a ``KeyedScript``, written straight into the connection's buffer.
struct KeyedScriptCall: SingleCommandSource {
    let script: KeyedScript
    let name: String
    let numbers: (Int64, Int64)

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        guard isShort else { return nil }
        var writer = WireWriter(memory.start)
        writer.write(script.head)
        writer.writeBulk(script.keyStart, name, script.keyEnd)
        writer.writeBulk(UInt64(numbers.0))
        writer.writeBulk(UInt64(numbers.1))
        writer.write(script.tail)
        return send(writer.bytes)
    }

    /// All of it fits: the key's length and two numbers take at most 64 bytes besides the texts.
    private var isShort: Bool {
        let key = script.keyStart.utf8.count + name.utf8.count + script.keyEnd.utf8.count
        return script.head.count + script.tail.count + key < ShortMemory.size - 64 && numbers.0 >= 0 && numbers.1 >= 0
    }

    func encode(into encoder: inout CommandEncoder) {
        script.head.withUnsafeBytes { encoder.appendEncoded($0) }
        encoder.append(script.key(name))
        encoder.append(numbers.0)
        encoder.append(numbers.1)
        script.tail.withUnsafeBytes { encoder.appendEncoded($0) }
    }

    /// The same call with the source, for a server that does not know the script.
    func withSource(isSafeToRepeat: Bool) -> RedisCommand {
        let varying: [any RedisArgument] = [RedisKey(script.key(name)), numbers.0, numbers.1]
        let arguments = [script.script.source, 1] + varying + script.constants.map { $0 as any RedisArgument }
        return RedisCommand("EVAL", arguments: arguments).safeToRepeat(isSafeToRepeat)
    }
}

/// An array of four integers.
enum FourIntegersReply: ReplySink {
    static var handler: any ReplyHandler.Type { Handler.self }

    enum Handler: SingleReplyHandler { typealias Sink = FourIntegersReply }
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> FourIntegers {
        guard reply.count == 4, let first = reply.integer(at: 0), let second = reply.integer(at: 1),
            let third = reply.integer(at: 2), let fourth = reply.integer(at: 3)
        else { throw reply.mismatch(FourIntegers.self) }
        return FourIntegers(first: first, second: second, third: third, fourth: fourth)
    }
}

extension RedisReply {
    /// An array's element, if it is an integer.
    fileprivate func integer(at index: Int) -> Int64? { element(index).flatMap { RedisReply($0, arena).integer } }
}

extension RedisClient {
    /// Runs a script about one key: EVALSHA, then EVAL when the server does not know it.
    ///
    /// `name` is the part of the key that differs; `isSafeToRepeat` goes before the script's own mark.
    package func evaluate(
        _ script: KeyedScript, name: String, numbers: (Int64, Int64), isSafeToRepeat: Bool, timeout: Duration? = nil,
        on role: ConnectionRole = .commands
    ) async throws(RedisError) -> FourIntegers {
        let call = KeyedScriptCall(script: script, name: name, numbers: numbers)
        let sender = sender(role)
        do {
            return try await sender.send(
                call, FourIntegersReply.self, name: "EVALSHA", isSafeToRepeat: isSafeToRepeat, timeout: timeout)
        } catch  where error.code == .noScript {
            return try await sender.send(
                call.withSource(isSafeToRepeat: isSafeToRepeat), FourIntegersReply.self, timeout: timeout)
        }
    }
}

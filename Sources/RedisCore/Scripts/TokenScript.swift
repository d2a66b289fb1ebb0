/// A script about one key, perhaps a sibling of it, and a random token, answered with an integer: what a lock needs.
///
/// For what runs very often: everything of its EVALSHA that is the same in every call is encoded once, and a call is
/// written without a heap allocation. Anything else is a ``RedisScript`` with
/// ``RedisClient/evaluate(_:keys:arguments:as:timeout:on:)``.
package final class TokenScript: Sendable {
    /// The script beneath.
    let script: RedisScript
    /// `*9 EVALSHA sha keyCount`, in wire format.
    let head: [UInt8]

    /// Encodes the constant part of a call.
    ///
    /// ARGV is the token, then the text if there is one, then `numberCount` numbers.
    package init(_ script: RedisScript, hasSibling: Bool, hasText: Bool, numberCount: Int) {
        self.script = script
        let keyCount = hasSibling ? 2 : 1
        var encoder = CommandEncoder.anonymous()
        encoder.begin(argumentCount: 3 + keyCount + 1 + (hasText ? 1 : 0) + numberCount)
        encoder.append("EVALSHA")
        encoder.append(script.sha)
        encoder.append(Int64(keyCount))
        head = encoder.bytes
    }
}

/// One call of a ``TokenScript``.
package struct TokenScriptCall: SingleCommandSource {
    let script: TokenScript
    let key: String
    /// What stands before and behind the key in the sibling's name.
    let sibling: (before: String, after: String)?
    let token: (high: UInt64, low: UInt64)
    let text: String?
    let numbers: (Int64, Int64)?

    /// As many of sibling, text and numbers as the script was made with; the key is not empty.
    package init(
        _ script: TokenScript, key: String, sibling: (before: String, after: String)? = nil,
        token: (high: UInt64, low: UInt64), text: String? = nil, numbers: (Int64, Int64)? = nil
    ) {
        self.script = script
        self.key = key
        self.sibling = sibling
        self.token = token
        self.text = text
        self.numbers = numbers
    }

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        guard isShort else { return nil }
        var writer = WireWriter(memory.start)
        writer.write(script.head)
        writer.writeBulk(key)
        if let sibling { writer.writeBulk(sibling.before, key, sibling.after) }
        writer.writeBulk(high: token.high, low: token.low)
        if let text { writer.writeBulk(text) }
        if let numbers {
            writer.writeBulk(UInt64(bitPattern: numbers.0))
            writer.writeBulk(UInt64(bitPattern: numbers.1))
        }
        return send(writer.bytes)
    }

    /// All of it fits: texts, their lengths, the token and the numbers.
    private var isShort: Bool {
        var texts = script.head.count + key.utf8.count + (text?.utf8.count ?? 0)
        if let sibling { texts += sibling.before.utf8.count + key.utf8.count + sibling.after.utf8.count }
        guard texts < ShortMemory.size - 192 else { return false }
        return numbers.map { $0.0 >= 0 && $0.1 >= 0 } ?? true
    }

    func encode(into encoder: inout CommandEncoder) {
        script.head.withUnsafeBytes { encoder.appendEncoded($0) }
        for key in keys { encoder.append(key.name) }
        for argument in arguments { argument.write(to: &encoder) }
    }

    /// The same call with the source, for a server that does not know the script.
    var withSource: RedisCommand {
        let all: [any RedisArgument] = [script.script.source, keys.count] + keys + arguments
        return RedisCommand("EVAL", arguments: all).safeToRepeat(script.script.isSafeToRepeat)
    }

    private var keys: [RedisKey] {
        guard let sibling else { return [RedisKey(key)] }
        return [RedisKey(key), RedisKey(sibling.before + key + sibling.after)]
    }

    private var arguments: [any RedisArgument] {
        var all: [any RedisArgument] = [Self.text(of: token)]
        if let text { all.append(text) }
        if let numbers { all += [numbers.0, numbers.1] as [any RedisArgument] }
        return all
    }

    /// The token as the server sees it: 32 hexadecimal digits.
    package static func text(of token: (high: UInt64, low: UInt64)) -> String {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { memory in
            guard let start = memory.baseAddress else { return "" }
            var writer = WireWriter(start)
            writer.writeHexadecimal(token.high)
            writer.writeHexadecimal(token.low)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
    }
}

extension RedisClient {
    /// Runs the call's script on the control connection: EVALSHA, then EVAL when the server does not know it.
    package func evaluate(_ call: TokenScriptCall, timeout: Duration? = nil) async throws(RedisError) -> Int64 {
        let first = await withUnsafeContinuation { start(call, timeout: timeout, $0) }
        if case .success(let reply) = first { return reply }
        return try await finish(call, first, timeout: timeout)
    }

    /// The first half of ``evaluate(_:timeout:)``, for callers that suspend themselves; one frame less is half a
    /// microsecond less for a lock.
    package func start(
        _ call: TokenScriptCall, timeout: Duration?,
        _ continuation: UnsafeContinuation<Result<Int64, RedisError>, Never>
    ) {
        sender(.control).start(call, IntegerReply.self, timeout: timeout, continuation)
    }

    /// The second half, when the first gave no integer.
    package func finish(
        _ call: TokenScriptCall, _ first: Result<Int64, RedisError>, timeout: Duration?
    ) async throws(RedisError) -> Int64 {
        let sender = sender(.control)
        do {
            return try await sender.finish(
                first, call, IntegerReply.self, name: "EVALSHA", isSafeToRepeat: call.script.script.isSafeToRepeat,
                timeout: timeout)
        } catch  where error.code == .noScript {
            return try await sender.send(call.withSource, IntegerReply.self, timeout: timeout)
        }
    }
}

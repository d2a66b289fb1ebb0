/// A script whose calls are short and answered with an integer: up to three texts, keys first, then numbers.
///
/// Everything of its EVALSHA that is the same in every call is encoded once. For what runs very often, such as locks;
/// anything else is an ``RedisScript`` with ``RedisClient/evaluate(_:keys:arguments:as:timeout:on:)``.
package struct ShortScript: Sendable {
    /// The script beneath.
    package let script: RedisScript
    /// `*9 EVALSHA sha keyCount`, in wire format.
    let head: [UInt8]
    let keyCount: Int

    /// Encodes the constant part of a call with three texts and `numberCount` numbers.
    package init(_ script: RedisScript, keyCount: Int, numberCount: Int) {
        precondition((1...3).contains(keyCount), "the first texts are the keys")
        self.script = script
        self.keyCount = keyCount
        var encoder = CommandEncoder.anonymous()
        encoder.begin(argumentCount: 3 + 3 + numberCount)
        encoder.append("EVALSHA")
        encoder.append(script.sha)
        encoder.append(Int64(keyCount))
        head = encoder.bytes
    }
}

/// One call of a ``ShortScript``, written straight into the connection's buffer.
struct ShortScriptCall: SingleCommandSource {
    let script: ShortScript
    let texts: (String, String, String)
    let numbers: (Int64, Int64)?

    func encode(into encoder: inout CommandEncoder) {
        guard isShort else { return encodeAtLength(into: &encoder) }
        // One append to the shared buffer instead of one for every piece.
        withUnsafeTemporaryAllocation(byteCount: Self.stackLimit, alignment: 1) { memory in
            guard let start = memory.baseAddress else { return }
            encoder.appendEncoded(write(to: start))
        }
    }

    func withWireBytes(_ scratch: WireScratch, _ send: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard isShort else {
            scratch.encoder.removeAll()
            encodeAtLength(into: &scratch.encoder)
            guard scratch.encoder.payloads.isEmpty else { return false }
            scratch.encoder.bytes.withUnsafeBytes(send)
            return true
        }
        send(write(to: scratch.bytes))
        return true
    }

    /// More would be allocated on the heap.
    private static let stackLimit = 1_024

    /// All of it fits on the stack, texts, lengths and numbers.
    private var isShort: Bool {
        let texts = texts.0.utf8.count + texts.1.utf8.count + texts.2.utf8.count
        guard script.head.count + texts < Self.stackLimit - 128 else { return false }
        return numbers.map { $0.0 >= 0 && $0.1 >= 0 } ?? true
    }

    private func write(to memory: UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
        var writer = WireWriter(memory)
        writer.write(script.head)
        Self.write(texts.0, &writer)
        Self.write(texts.1, &writer)
        Self.write(texts.2, &writer)
        if let numbers {
            writer.writeBulk(UInt64(numbers.0))
            writer.writeBulk(UInt64(numbers.1))
        }
        return writer.bytes
    }

    private static func write(_ text: String, _ writer: inout WireWriter) {
        var text = text
        text.withUTF8 { writer.writeBulk($0) }
    }

    private func encodeAtLength(into encoder: inout CommandEncoder) {
        script.head.withUnsafeBytes { encoder.appendEncoded($0) }
        encoder.append(texts.0)
        encoder.append(texts.1)
        encoder.append(texts.2)
        guard let numbers else { return }
        encoder.append(numbers.0)
        encoder.append(numbers.1)
    }

    /// The same call with the source, for a server that does not know the script.
    var withSource: RedisCommand {
        var arguments: [any RedisArgument] = [script.script.source, script.keyCount]
        for (index, text) in [texts.0, texts.1, texts.2].enumerated() {
            if index < script.keyCount { arguments.append(RedisKey(text)) } else { arguments.append(text) }
        }
        if let numbers { arguments += [numbers.0, numbers.1] as [any RedisArgument] }
        return RedisCommand("EVAL", arguments: arguments).safeToRepeat(script.script.isSafeToRepeat)
    }
}

extension RedisClient {
    /// Runs a short script: EVALSHA, then EVAL when the server does not know it.
    ///
    /// The first texts are the keys, none of them empty; `numbers` as many as the script was made with.
    package func evaluate(
        _ script: ShortScript, _ texts: (String, String, String), numbers: (Int64, Int64)? = nil,
        timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> Int64 {
        let call = ShortScriptCall(script: script, texts: texts, numbers: numbers)
        let sender = sender(role)
        do {
            return try await sender.send(
                call, IntegerReply.self, name: "EVALSHA", isSafeToRepeat: script.script.isSafeToRepeat,
                timeout: timeout)
        } catch  where error.code == .noScript {
            return try await sender.send(call.withSource, IntegerReply.self, timeout: timeout)
        }
    }
}

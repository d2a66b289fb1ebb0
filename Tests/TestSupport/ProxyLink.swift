import Foundation

/// One client's connection through the proxy; used by the proxy's thread only.
final class ProxyLink {
    enum Side { case client, server }

    /// What reading led to.
    enum Outcome: Equatable {
        case fine
        /// The peer ended the connection.
        case ended
        /// A fault asks for the connection to be cut.
        case cut
    }

    /// Bytes on their way to one side.
    struct Outbox {
        /// Due never, while they are held.
        var chunks: [(bytes: [UInt8], due: ContinuousClock.Instant?)] = []
        var size = 0

        mutating func release() {
            for index in chunks.indices where chunks[index].due == nil { chunks[index].due = .now }
        }
    }

    static let outboxLimit = 1 << 20

    let client: Int32
    let server: Int32
    private var toClient = Outbox()
    private var toServer = Outbox()
    private var commands = RespFramer()
    private var replies = RespFramer()
    private var commandCount = 0
    private var replyCount = 0
    /// The number of the last command that was no heartbeat.
    private var lastQuestion = 0
    /// The number of the reply that must not be delivered.
    private var fatalReply: Int?
    private var forwardedSince = 0
    private var sent: [String] = []
    /// Carries nothing any more, for good.
    var isSilent = false
    /// The client has gone; what it sent before is still on its way to the server.
    private(set) var isDraining = false
    /// The client has gone, and the server has all that it sent.
    var isDrained: Bool { isDraining && toServer.chunks.isEmpty }

    init(client: Int32, server: Int32) {
        self.client = client
        self.server = server
        for descriptor in [client, server] { Sockets.setNonBlocking(descriptor) }
    }

    func descriptor(_ side: Side) -> Int32 { side == .client ? client : server }

    /// False while the other side has not taken what was read before.
    func wantsRead(from side: Side) -> Bool {
        !isDraining && (side == .client ? toServer : toClient).size < Self.outboxLimit
    }

    /// The client ended the connection; false when nothing of it is on its way.
    func drain() -> Bool {
        isDraining = !toServer.chunks.isEmpty
        toClient = Outbox()
        return isDraining
    }

    func due(to side: Side) -> ContinuousClock.Instant? {
        (side == .client ? toClient : toServer).chunks.first.flatMap(\.due)
    }

    /// The count of ``Fault/cutAfterClientBytes(_:)`` begins anew, and what ``Fault/hold`` kept goes on.
    func faultChanged() {
        forwardedSince = 0
        toClient.release()
        toServer.release()
    }

    /// Whether a command containing the text has come over this connection.
    func hasSent(_ match: String?) -> Bool { match.map { text in sent.contains { $0.containsAnyCase(text) } } ?? true }

    /// Reads once and decides what becomes of the bytes.
    func read(from side: Side, _ fault: inout Fault, _ control: ProxyControl) -> Outcome {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor(side), &buffer, buffer.count, 0)
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) ? .fine : .ended }
        if isSilent { return .fine }
        buffer.removeLast(buffer.count - count)
        return side == .client ? fromClient(buffer, &fault, control) : fromServer(buffer, &fault)
    }

    /// Writes what is due; false when the peer is gone.
    func write(to side: Side, now: ContinuousClock.Instant) -> Bool {
        side == .client ? Self.flush(&toClient, client, now) : Self.flush(&toServer, server, now)
    }

    func close(_ cut: ProxyControl.Cut) {
        Foundation.close(server)
        if cut == .reset { Sockets.reset(client) } else { Foundation.close(client) }
    }

    private func fromClient(_ bytes: [UInt8], _ fault: inout Fault, _ control: ProxyControl) -> Outcome {
        var kept = bytes.count
        var outcome = Outcome.fine
        var previous = 0
        for boundary in commands.feed(bytes) {
            commandCount += 1
            control.saw(command: boundary.words)
            if !boundary.words.hasPrefix("PING") {
                if replyCount >= lastQuestion { control.count { $0.roundTrips += 1 } }
                lastQuestion = commandCount
            }
            sent.append(boundary.words)
            switch fault {
            case .cutBeforeSend(let match, let times) where boundary.words.containsAnyCase(match):
                fault = times > 1 ? .cutBeforeSend(match: match, times: times - 1) : .pass
                return sendNow(bytes[..<previous])
            case .cutBeforeReply(let match, let times)
            where fatalReply == nil && boundary.words.containsAnyCase(match):
                fault = times > 1 ? .cutBeforeReply(match: match, times: times - 1) : .pass
                fatalReply = commandCount
            default: break
            }
            previous = boundary.offset
        }
        switch fault {
        case .blackHole, .loseCommands: return .fine
        case .cutAfterClientBytes(let limit):
            kept = min(kept, limit - forwardedSince)
            forwardedSince += kept
            if forwardedSince >= limit {
                outcome = .cut
                fault = .pass
            }
        default: break
        }
        if outcome == .cut { return sendNow(bytes[..<kept]) }
        Self.append(bytes[..<kept], to: &toServer, fault)
        return .fine
    }

    /// What comes before a cut still reaches the server.
    private func sendNow(_ bytes: ArraySlice<UInt8>) -> Outcome {
        Self.append(bytes, to: &toServer, .pass)
        _ = Self.flush(&toServer, server, .now)
        return .cut
    }

    private func fromServer(_ bytes: [UInt8], _ fault: inout Fault) -> Outcome {
        var previous = 0
        for boundary in replies.feed(bytes) {
            replyCount += 1
            if let fatalReply, replyCount >= fatalReply {
                Self.append(bytes[..<previous], to: &toClient, .pass)
                _ = Self.flush(&toClient, client, .now)
                return .cut
            }
            previous = boundary.offset
        }
        // The beginning of the fatal reply must not leak either.
        if let fatalReply, replyCount == fatalReply - 1 {
            Self.append(bytes[..<previous], to: &toClient, fault)
            return .fine
        }
        switch fault {
        case .blackHole, .loseReplies: return .fine
        case .garbage(let garbage):
            fault = .pass
            Self.append(garbage[...], to: &toClient, .pass)
        default: Self.append(bytes[...], to: &toClient, fault)
        }
        return .fine
    }

    private static func append(_ bytes: ArraySlice<UInt8>, to outbox: inout Outbox, _ fault: Fault) {
        guard !bytes.isEmpty else { return }
        outbox.size += bytes.count
        switch fault {
        case .delay(let delay): outbox.chunks.append((Array(bytes), .now + delay))
        case .hold: outbox.chunks.append((Array(bytes), nil))
        case .trickle(let count):
            var due = max(.now, outbox.chunks.last?.due ?? .now)
            var rest = bytes
            while !rest.isEmpty {
                due += .milliseconds(1)
                outbox.chunks.append((Array(rest.prefix(count)), due))
                rest = rest.dropFirst(count)
            }
        default: outbox.chunks.append((Array(bytes), .now))
        }
    }

    private static func flush(_ outbox: inout Outbox, _ descriptor: Int32, _ now: ContinuousClock.Instant) -> Bool {
        while let chunk = outbox.chunks.first, let due = chunk.due, due <= now {
            let sent = chunk.bytes.withUnsafeBytes { Sockets.send(descriptor, $0) }
            if sent < 0 { return errno == EAGAIN || errno == EINTR }
            outbox.size -= sent
            if sent == chunk.bytes.count {
                outbox.chunks.removeFirst()
            } else {
                outbox.chunks[0].bytes.removeFirst(sent)
            }
        }
        return true
    }
}

extension String {
    fileprivate func containsAnyCase(_ text: String) -> Bool { range(of: text, options: .caseInsensitive) != nil }
}

/// The way out: from what callers left, through the queue where it must, into hiredis' output.
///
/// Loop's thread only.
extension RedisConnection {
    /// A caller on the loop writes straight into the output.
    func submitOnLoop(_ source: some CommandSource, _ entry: ReplyEntry) {
        if isLaneOpen { closeLane() }
        if let socket = direct, socket.outputBytes < Self.outputLimit,
            source.withWireBytes(scratch, { socket.send($0, replies: entry.repliesLeft) })
        {
            return expect(admit(entry))
        }
        spare.append(source, entry)
        sendSubmissions()
    }

    /// Sends or queues all of `spare`, and empties it.
    func sendSubmissions() {
        var batch = CommandBatch()
        swap(&batch, &spare)
        if !sendTogether(batch) { sendOneByOne(batch) }
        batch.removeAll()
        swap(&batch, &spare)
        feed()
        if !queue.isEmpty { connect() }
    }

    /// The usual case: nothing waits, nothing is large, so all of it goes out as one piece.
    private func sendTogether(_ batch: CommandBatch) -> Bool {
        guard let socket = direct, batch.encoder.payloads.isEmpty,
            socket.outputBytes + batch.encoder.bytes.count <= Self.outputLimit
        else { return false }
        batch.encoder.bytes.withUnsafeBytes { socket.sendMore($0) }
        for unit in batch.units {
            socket.noteWritten(replies: unit.entry.repliesLeft)
            expect(admit(unit.entry))
        }
        return true
    }

    private func sendOneByOne(_ batch: CommandBatch) {
        var offset = 0
        var payload = 0
        for unit in batch.units {
            let bytes = offset..<offset + unit.byteCount
            let payloads = payload..<payload + unit.payloadCount
            offset = bytes.upperBound
            payload = payloads.upperBound
            if refuse(unit.entry) { continue }
            let entry = admit(unit.entry)
            if let socket = direct, socket.outputBytes < Self.outputLimit, payloads.isEmpty {
                batch.encoder.bytes.withUnsafeBytes {
                    socket.send(UnsafeRawBufferPointer(rebasing: $0[bytes]), replies: entry.repliesLeft)
                }
                expect(entry)
            } else {
                enqueue(entry, batch, bytes, payloads)
            }
        }
    }

    private func enqueue(_ entry: ReplyEntry, _ batch: CommandBatch, _ bytes: Range<Int>, _ payloads: Range<Int>) {
        let moved = batch.encoder.payloads[payloads].map { payload in
            CommandEncoder.Payload(offset: payload.offset - bytes.lowerBound, content: payload.content)
        }
        queue.append(.init(entry: entry, bytes: Array(batch.encoder.bytes[bytes]), payloads: moved))
        direct = nil
    }

    /// Turns an entry's timeout into a deadline and arms the timer for it.
    func admit(_ entry: ReplyEntry) -> ReplyEntry {
        var entry = entry
        entry.deadline = loop.nowMilliseconds &+ entry.deadline
        if entry.deadline < deadlineArmedFor { armDeadline(entry.deadline) }
        if !isSweepArmed { armSweep() }
        return entry
    }

    func expect(_ entry: ReplyEntry) {
        if inFlight.isEmpty { lastMoved = loop.nowMilliseconds } else { isShared = true }
        inFlight.append(entry)
    }

    /// Fails an entry that may not even wait; true when it did.
    private func refuse(_ entry: ReplyEntry) -> Bool {
        if isClosed || isEnding {
            entry.handler.failed(entry.token, closedError)
            return true
        }
        guard !isReady else { return false }
        switch configuration.offline {
        case .wait(let capacity) where queue.count < capacity: return false
        case .wait(let capacity):
            entry.handler.failed(
                entry.token,
                RedisError(
                    .queueFull, operation: "queue",
                    message: "No connection to \(address), and \(capacity) commands wait for one already.",
                    address: address, underlying: lastError))
            return true
        case .fail:
            guard lastError != nil || reportedLoss else { return false }
            entry.handler.failed(
                entry.token,
                RedisError(
                    .notConnected, operation: "queue", message: "There is no connection to \(address).",
                    address: address, underlying: lastError))
            return true
        }
    }

    /// Moves what waits into hiredis, as far as its buffer should go.
    func feed() {
        defer { direct = isReady && !isEnding && queue.isEmpty && streaming == nil ? socket : nil }
        while isReady, let socket = socket, socket.outputBytes < Self.outputLimit {
            if streaming != nil {
                streamPiece(into: socket)
            } else if let next = queue.popFirst() {
                begin(next, on: socket)
            } else {
                return
            }
        }
    }

    private func begin(_ next: CommandQueue.Waiting, on socket: HiredisSocket) {
        let head = next.payloads.first?.offset ?? next.bytes.count
        next.bytes.withUnsafeBytes {
            socket.send(UnsafeRawBufferPointer(rebasing: $0.prefix(head)), replies: next.entry.repliesLeft)
        }
        expect(next.entry)
        if !next.payloads.isEmpty { streaming = PayloadStream(next.bytes, next.payloads) }
    }

    /// Feeds one piece, or ends the stream.
    private func streamPiece(into socket: HiredisSocket) {
        if streaming?.feed({ socket.sendMore($0) }) != true { streaming = nil }
    }
}

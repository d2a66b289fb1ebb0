import RedisCore

/// Which wake channels are wanted, which the server has confirmed, and what to ask for next: one request at a time.
///
/// Adding and removing the same channel can thus never overtake each other. Channels nobody wants any more stay until
/// the next sweep, because contended names come back at once.
struct WakeChannels: ~Copyable {
    /// What to ask of the shared subscription.
    enum Operation: Equatable {
        case open([ExactString])
        case add([ExactString])
        case remove([ExactString])
        case close
    }

    /// Users per channel.
    private var wanted: [ExactString: Int] = [:]
    private var confirmed: Set<ExactString> = []
    /// Wanted, neither confirmed nor being asked for.
    private var missing: Set<ExactString> = []
    /// Confirmed, not wanted.
    private var surplus: Set<ExactString> = []
    private var isOpen = false
    private var running: Operation?

    /// Something is subscribed that nobody wants: sweep in a while.
    var needsSweep: Bool { !surplus.isEmpty || (isOpen && wanted.isEmpty) }
    /// Nothing is wanted, subscribed or under way.
    var isIdle: Bool { wanted.isEmpty && !isOpen && running == nil }

    /// Counts a user of the channel.
    mutating func want(_ channel: ExactString) -> (isConfirmed: Bool, next: Operation?) {
        wanted[channel, default: 0] += 1
        surplus.remove(channel)
        if confirmed.contains(channel) { return (true, nil) }
        if !isBeingAskedFor(channel) { missing.insert(channel) }
        return (false, next())
    }

    /// One user less.
    mutating func unwant(_ channel: ExactString) {
        guard let count = wanted[channel] else { return }
        guard count == 1 else {
            wanted[channel] = count - 1
            return
        }
        wanted[channel] = nil
        missing.remove(channel)
        if confirmed.contains(channel) { surplus.insert(channel) }
    }

    /// Gives up what nobody wants.
    mutating func sweep() -> Operation? {
        guard running == nil, isOpen else { return nil }
        if wanted.isEmpty {
            confirmed = []
            surplus = []
            return run(.close)
        }
        guard !surplus.isEmpty else { return nil }
        let channels = surplus.sorted()
        // Forgotten before the request leaves: who wants one of them meanwhile gets it added again afterwards.
        confirmed.subtract(surplus)
        surplus = []
        return run(.remove(channels))
    }

    /// The running request ended; answers the channels confirmed by it and what comes next.
    mutating func finished(success: Bool) -> (confirmed: [ExactString], next: Operation?) {
        guard let done = running else { return ([], nil) }
        running = nil
        switch done {
        case .open(let channels), .add(let channels):
            guard success else {
                missing.formUnion(channels.filter { wanted[$0] != nil })
                return ([], nil)
            }
            isOpen = true
            confirmed.formUnion(channels)
            surplus.formUnion(channels.filter { wanted[$0] == nil })
            return (channels, next())
        case .remove: return ([], next())
        case .close:
            isOpen = false
            return ([], next())
        }
    }

    /// Asks again for what could not be had.
    mutating func retry() -> Operation? { next() }

    /// The subscription ended without being asked to.
    mutating func ended() {
        isOpen = false
        confirmed = []
        surplus = []
        missing = Set(wanted.keys)
    }

    private func isBeingAskedFor(_ channel: ExactString) -> Bool {
        switch running {
        case .open(let channels), .add(let channels): channels.contains(channel)
        case .remove, .close, nil: false
        }
    }

    private mutating func next() -> Operation? {
        guard running == nil, !missing.isEmpty else { return nil }
        let channels = missing.sorted()
        missing = []
        return run(isOpen ? .add(channels) : .open(channels))
    }

    private mutating func run(_ operation: Operation) -> Operation {
        running = operation
        return operation
    }
}

/// Whether a subscriber connection delivers: what is published beside it has to come back over it within a period.
///
/// Pure: its owner publishes, keeps the time and gives the connection up. While keys are tracked a period takes two
/// nonces, the second published when the first has come back: the server sends the changes of a turn of its loop at the
/// turn's end, after what was published in it. So a nonce may overtake changes from before it; one that was published
/// later than that turn cannot.
struct SubscriberHeartbeat {
    /// What a period's end asks for.
    enum Beat: Equatable {
        /// Publish ``next()``.
        case publish
        /// A nonce is on its way.
        case wait
        /// What the server accepted a period ago has not come back.
        case isDeaf
    }

    /// What a payload of the heartbeat's channel is.
    enum Heard: Equatable {
        /// Not the latest nonce: another's, or one from before.
        case stale
        case delivers
        /// Publish ``next()`` once more.
        case publishAgain
        /// Everything before this moment, ``Moment/nanoseconds``, was delivered.
        case proved(asOf: Int64)
    }

    private var nonce: UInt64 = 0
    /// The last nonce that came back, or that no connection at hand has to bring.
    private var answered: UInt64 = 0
    /// When the nonce that has not come back yet was accepted by the server, on the loop's clock.
    private var publishedAt: UInt64?
    private var isSecond = false
    /// When the first of the two was handed to the control connection.
    private var firstAskedAt: Int64 = 0

    /// A new connection does not have to bring what was published before it.
    mutating func connectionReady() {
        publishedAt = nil
        answered = nonce
    }

    /// A period is over.
    ///
    /// `isPaused` while the connection is not read on purpose, so that a nonce may wait in the kernel.
    mutating func beat(at now: UInt64, period: UInt64, moment: Int64, isPaused: Bool) -> Beat {
        if let publishedAt {
            return !isPaused && now >= publishedAt + period ? .isDeaf : .wait
        }
        isSecond = false
        firstAskedAt = moment
        return .publish
    }

    /// The connection is read again: what waited for that has a period from now to come.
    mutating func resumed(at now: UInt64) {
        if publishedAt != nil { publishedAt = now }
    }

    /// A nonce of its own for each publication.
    mutating func next() -> UInt64 {
        nonce &+= 1
        return nonce
    }

    /// Only a nonce that the server accepted can be missed: a dead control connection proves nothing about this one.
    mutating func accepted(_ sent: UInt64, at now: UInt64) {
        if sent == nonce, answered != sent { publishedAt = now }
    }

    /// A message came over the heartbeat's channel; `wantsProof` while somebody keeps what it is told of.
    mutating func heard(_ text: String, wantsProof: Bool) -> Heard {
        guard text == "\(nonce)" else { return .stale }
        publishedAt = nil
        answered = nonce
        guard wantsProof else { return .delivers }
        if isSecond { return .proved(asOf: firstAskedAt) }
        isSecond = true
        return .publishAgain
    }
}

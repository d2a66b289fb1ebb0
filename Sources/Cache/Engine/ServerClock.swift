import RedisCore

/// The server's clock as this process knows it: its distance from a clock here that never jumps.
///
/// Learnt from replies that carry the server's time. An estimate is off by at most half the round trip it came with;
/// the better of two recent ones is kept. Pure.
struct ServerClock: Sendable {
    private struct Sample: Sendable {
        /// Server time minus local time, µs.
        let offset: Int64
        let roundTrip: Int64
        /// Local time, µs.
        let at: Int64
    }

    /// The server's clock may be set at any time: with an older estimate who asks for anything asks for the time too.
    static let longestTrust: Int64 = 60_000_000
    /// What was asked for before that, or before another connection was made, may be judged for so long.
    static let longestUse: Int64 = 2 * longestTrust
    /// For so long a more exact sample stands against newer ones, µs.
    private static let recent: Int64 = 5_000_000

    private var sample: Sample?
    /// The sample of a connection that is gone: replies of before are still on their way to who asked.
    private var former: Sample?
    /// The latest time that the server's clock is known to have shown; never earlier when the clock goes back.
    private var highest: Int64 = 0

    /// Takes a reply with the server's time; all in µs, `sent` and `received` of the local clock.
    mutating func note(_ server: Int64, sent: Int64, received: Int64) {
        // Before the estimate is replaced: if the clock went back since, this is about where it had got to.
        highest = max(highest, server, certainly(sent) ?? 0)
        let new = Sample(offset: server - (sent + received) / 2, roundTrip: received - sent, at: received)
        if let sample, received - sample.at < Self.recent, sample.roundTrip < new.roundTrip {
            // A jump of the server's clock shows as a difference that no round trip explains.
            guard abs(sample.offset - new.offset) > sample.roundTrip + new.roundTrip else { return }
        }
        sample = new
    }

    /// The server's time now, µs; nil when nothing recent is known.
    func time(_ now: Int64) -> Int64? {
        guard let sample, now - sample.at < Self.longestTrust else { return nil }
        return now + sample.offset
    }

    /// The server's time now for judging a reply that came without it, µs: who asked knew the time then.
    ///
    /// Between a question and its answer the estimate may become too old to be asked by, or be forgotten.
    func judging(_ now: Int64) -> Int64? {
        guard let sample = sample ?? former, now - sample.at < Self.longestUse else { return nil }
        return now + sample.offset
    }

    /// Another server may answer from now on.
    mutating func forget(_ now: Int64) {
        highest = max(highest, certainly(now) ?? 0)
        former = sample ?? former
        sample = nil
    }

    /// What the clock had shown before it went back, if it ever did: a stamp must not be earlier, because entries that
    /// were written before the jump carry such times.
    ///
    /// Without a jump it is not later than the server's time, so that nothing counts as invalidated that comes after.
    func latestKnown(_ now: Int64) -> Int64 { max(highest, certainly(now) ?? 0) }

    /// The server's time less all that the estimate may be off: half its round trip, and clocks that run 0.02 % apart.
    private func certainly(_ now: Int64) -> Int64? {
        guard let sample, now - sample.at < Self.longestTrust else { return nil }
        return now + sample.offset - sample.roundTrip / 2 - 1 - (now - sample.at) / 5_000
    }
}

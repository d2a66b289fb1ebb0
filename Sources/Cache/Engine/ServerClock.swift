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

    /// The server's clock may be set at any time: an older estimate is not used.
    static let longestTrust: Int64 = 60_000_000
    /// For so long a more exact sample stands against newer ones, µs.
    private static let recent: Int64 = 5_000_000

    private var sample: Sample?

    /// Takes a reply with the server's time; all in µs, `sent` and `received` of the local clock.
    mutating func note(_ server: Int64, sent: Int64, received: Int64) {
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

    /// Another server may answer from now on.
    mutating func forget() { sample = nil }
}

/// What is known about the server behind a ready connection.
struct LinkFacts {
    let info: ServerInfo?
    /// How many connections were made before this one.
    let reconnects: Int
    /// The server of the one before it, as far as it said.
    var previousRunID: String?
    /// The one before it was given up to follow another connection of the client.
    var hasFollowed = false
    /// Whether it hears of changed keys.
    var tracking = Handshake.TrackingState.none

    /// The server that the address leads to now and did not lead to before, if the link found that out by itself.
    ///
    /// Not one that it followed to: behind an address with several servers that would never end. Nor the one it had
    /// before: then nothing says that the client's others are wrong.
    var foundRunID: String? {
        guard !hasFollowed, let runID = info?.runID, let previousRunID, previousRunID != runID else { return nil }
        return runID
    }
}

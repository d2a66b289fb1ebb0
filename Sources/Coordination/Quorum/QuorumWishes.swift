import Synchronization

/// Whether the acquisitions at several servers are still wanted when they end.
///
/// A majority decides before the slowest has answered, and its request may be repeated long after that.
final class QuorumWishes: Sendable {
    private let givenUp = Atomic(false)

    /// True once nothing is wanted any more, whatever is still granted: an acquisition that ends then is given back
    /// once more.
    var isGivenUp: Bool { givenUp.load(ordering: .acquiring) }

    func giveUp() { givenUp.store(true, ordering: .releasing) }
}

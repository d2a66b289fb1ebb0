import Synchronization

/// A number that any thread may raise.
final class Counter: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .acquiring) }

    func add() { value.wrappingAdd(1, ordering: .acquiringAndReleasing) }
}

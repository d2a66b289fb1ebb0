import RedisCore
import Synchronization

/// A handler in its final form: decoding and middleware are inside.
typealias EventHandling = @Sendable (RawEvent, EventContext) async throws -> Void

/// Who is called for what.
///
/// Read for every event and written rarely: readers take a snapshot (a retained array) under the lock, and a writer
/// copies the array that is still in use.
final class HandlerTable: Sendable {
    struct Handler: Sendable {
        var id: Int
        /// An event type, or `*`.
        var registration: String
        var handle: EventHandling
    }

    struct Hook<Argument>: Sendable {
        var id: Int
        var call: @Sendable (Argument) async -> Void
    }

    private struct State {
        var nextID = 0
        /// By event type, the `*` handlers included, in the order of registration.
        var byType: [String: [Handler]] = [:]
        var everyType: [Handler] = []
        var errorHooks: [Hook<EventFailure>] = []
        var gapHooks: [Hook<SubscriptionGap>] = []

        mutating func makeID() -> Int {
            nextID += 1
            return nextID
        }
    }

    private let state = Mutex(State())

    /// The handlers of a type, in the order of registration.
    func handlers(for type: String) -> [Handler] {
        state.withLock { $0.byType[type] ?? $0.everyType }
    }

    var errorHooks: [Hook<EventFailure>] { state.withLock { $0.errorHooks } }
    var gapHooks: [Hook<SubscriptionGap>] { state.withLock { $0.gapHooks } }

    func add(_ registration: String, _ handle: @escaping EventHandling) -> HandlerRegistration {
        let id = state.withLock { state in
            let handler = Handler(id: state.makeID(), registration: registration, handle: handle)
            if registration == EventSubscriber.everyType {
                state.everyType.append(handler)
                for type in state.byType.keys { state.byType[type]?.append(handler) }
            } else {
                state.byType[registration, default: state.everyType].append(handler)
            }
            return handler.id
        }
        return HandlerRegistration(id: id, handlers: self)
    }

    func addErrorHook(_ call: @escaping @Sendable (EventFailure) async -> Void) -> HandlerRegistration {
        let id = state.withLock { state in
            let id = state.makeID()
            state.errorHooks.append(Hook(id: id, call: call))
            return id
        }
        return HandlerRegistration(id: id, handlers: self)
    }

    func addGapHook(_ call: @escaping @Sendable (SubscriptionGap) async -> Void) -> HandlerRegistration {
        let id = state.withLock { state in
            let id = state.makeID()
            state.gapHooks.append(Hook(id: id, call: call))
            return id
        }
        return HandlerRegistration(id: id, handlers: self)
    }

    func remove(_ id: Int) {
        state.withLock { state in
            state.everyType.removeAll { $0.id == id }
            for type in state.byType.keys {
                state.byType[type]?.removeAll { $0.id == id }
                // A type without handlers of its own is unknown again, unless there are `*` handlers.
                if state.byType[type]?.contains(where: { $0.registration == type }) == false {
                    state.byType[type] = nil
                }
            }
            state.errorHooks.removeAll { $0.id == id }
            state.gapHooks.removeAll { $0.id == id }
        }
    }
}

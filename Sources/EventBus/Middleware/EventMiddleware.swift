/// Runs around handler calls: may look, wait, replace the event, translate errors, or not call `next` at all.
///
/// ```swift
/// struct Skip: EventMiddleware {
///     func handle(_ event: RawEvent, context: EventContext, next: EventHandler) async throws {
///         if event.source != "load-test" { try await next(event, context) }
///     }
/// }
/// ```
public protocol EventMiddleware: Sendable {
    /// The rest of the chain, the handler last. What it throws is the handler's failure.
    typealias EventHandler = @Sendable (RawEvent, EventContext) async throws -> Void

    /// Handles one call of one handler; calls `next` once, or not at all.
    func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws
}

extension [any EventMiddleware] {
    /// The handler with every middleware around it, the first outermost; composed once, at registration.
    func chain(around handler: @escaping EventHandling) -> EventHandling {
        reversed().reduce(handler) { next, middleware in
            { event, context in try await middleware.handle(event, context: context, next: next) }
        }
    }
}

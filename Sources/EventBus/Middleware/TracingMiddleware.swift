public import Tracing

/// Runs every handler call in a span that continues the publisher's trace, if the event carries one.
///
/// The publisher writes the trace it is called in by itself. Without a bootstrapped tracer nothing is recorded.
public struct TracingMiddleware: EventMiddleware {
    private let tracer: any Tracer

    /// Reports to `tracer`; the bootstrapped one unless another is given.
    public init(tracer: any Tracer = InstrumentationSystem.tracer) { self.tracer = tracer }

    /// Runs one call in a span named `process <registration>`.
    public func handle(_ event: RawEvent, context: EventContext, next: @escaping EventHandler) async throws {
        try await run(tracer, event, context, next)
    }

    // Generic because `any Tracer` has to be opened to name its span.
    private func run(
        _ tracer: some Tracer, _ event: RawEvent, _ context: EventContext, _ next: @escaping EventHandler
    ) async throws {
        let parent = TraceFields.context(from: event.trace, tracer)
        try await tracer.withSpan("process \(context.registration)", context: parent, ofKind: .consumer) { span in
            span.attributes["messaging.system"] = "redis"
            span.attributes["messaging.operation.type"] = "process"
            span.attributes["messaging.destination.name"] = context.channel
            if let id = event.id { span.attributes["messaging.message.id"] = id }
            try await next(event, context)
        }
    }
}

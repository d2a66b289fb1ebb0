/// The labels of every metric of this module, in one place.
enum EventMetrics {
    /// Events handed to Redis and answered.
    static let published = "signalbox_events_published_total"
    /// Events that were refused, or whose publishing failed.
    static let publishFailed = "signalbox_events_publish_failed_total"
    /// Messages that reached a subscriber.
    static let received = "signalbox_events_received_total"
    /// Messages and handler calls that failed, by `kind`.
    static let failures = "signalbox_event_failures_total"
    /// Messages forgotten because a buffer was full.
    static let dropped = "signalbox_events_dropped_total"
    /// Times a subscription was deaf.
    static let gaps = "signalbox_event_gaps_total"
    /// Handler calls, by `handler` and `outcome` (`MetricsMiddleware`).
    static let handlerCalls = "signalbox_event_handler_calls_total"
    /// Duration of handler calls, by `handler` (`MetricsMiddleware`).
    static let handlerDuration = "signalbox_event_handler_duration"
}

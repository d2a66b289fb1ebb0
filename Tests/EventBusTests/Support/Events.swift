import EventBus

struct Ping: EventPayload, Equatable {
    static let eventType = "ping"
    var n: Int
}

struct Pong: EventPayload, Equatable {
    static let eventType = "pong"
    static let eventVersion: Int? = 3
    var text: String
}

struct HandlerError: Error, CustomStringConvertible {
    var description: String { "the handler's own words" }
}
